"""Beside the gate: what to look at first, and what to do with a second opinion on a mask."""

from segqc_conformal.review.calibrated_check import CalibratedRefinementCheck
from segqc_conformal.review.harm_threshold import HarmThreshold
from segqc_conformal.review.merging import merged_mask
from segqc_conformal.review.refinement_check import RefinementCheck
from segqc_conformal.review.region_table import region_table
from segqc_conformal.review.routing import QualityRouter, routes

__all__ = [
    "CalibratedRefinementCheck",
    "HarmThreshold",
    "QualityRouter",
    "RefinementCheck",
    "merged_mask",
    "region_table",
    "routes",
]
