"""Quality nets: quality predicted from images, masks and maps; torch loads with this package."""

from segqc_conformal.quality.net.case_head import CaseHead
from segqc_conformal.quality.net.cross_fit import CrossFittedNet, cross_fit
from segqc_conformal.quality.net.fitted import FittedQualityNet
from segqc_conformal.quality.net.prediction import QualityPrediction
from segqc_conformal.quality.net.quality_case import QualityCase
from segqc_conformal.quality.net.quality_net import QualityNet
from segqc_conformal.quality.net.stored_net import load_net, save_net

__all__ = [
    "CaseHead",
    "CrossFittedNet",
    "FittedQualityNet",
    "QualityCase",
    "QualityNet",
    "QualityPrediction",
    "cross_fit",
    "load_net",
    "save_net",
]
