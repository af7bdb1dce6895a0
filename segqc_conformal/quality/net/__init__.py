"""Quality nets: quality predicted from images, masks and maps; torch loads with this package."""

from segqc_conformal.quality.net.case_head import CaseHead
from segqc_conformal.quality.net.cross_fit import cross_fit
from segqc_conformal.quality.net.crossed_net import CrossFittedNet
from segqc_conformal.quality.net.embedding_plane import embedding_plane
from segqc_conformal.quality.net.fitted import FittedQualityNet
from segqc_conformal.quality.net.good_head import GoodHead
from segqc_conformal.quality.net.grad_cam import grad_cam
from segqc_conformal.quality.net.grade_head import GradeHead
from segqc_conformal.quality.net.hooked_features import hooked_features
from segqc_conformal.quality.net.judged_cases import judged_cases
from segqc_conformal.quality.net.patch_head import PatchHead
from segqc_conformal.quality.net.prediction import QualityPrediction
from segqc_conformal.quality.net.quality_case import QualityCase
from segqc_conformal.quality.net.quality_net import QualityNet
from segqc_conformal.quality.net.slice_combination import combine_slices
from segqc_conformal.quality.net.slice_head import SliceHead
from segqc_conformal.quality.net.voxel_head import VoxelHead

__all__ = [
    "CaseHead",
    "CrossFittedNet",
    "FittedQualityNet",
    "GoodHead",
    "GradeHead",
    "PatchHead",
    "QualityCase",
    "QualityNet",
    "QualityPrediction",
    "SliceHead",
    "VoxelHead",
    "combine_slices",
    "cross_fit",
    "embedding_plane",
    "grad_cam",
    "hooked_features",
    "judged_cases",
]
