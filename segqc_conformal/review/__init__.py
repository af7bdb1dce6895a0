"""Beside the gate: what to look at first, and what to do with a second opinion on a mask."""

from segqc_conformal.review.after_correction import after_correction
from segqc_conformal.review.calibrated_check import CalibratedRefinementCheck
from segqc_conformal.review.curve import ReviewCurve, review_curve
from segqc_conformal.review.harm_threshold import HarmThreshold
from segqc_conformal.review.merging import merged_mask
from segqc_conformal.review.order import in_order, slices_together
from segqc_conformal.review.patches import patch_rows
from segqc_conformal.review.refinement_check import RefinementCheck
from segqc_conformal.review.region_table import region_table
from segqc_conformal.review.regions import Regions, find_regions
from segqc_conformal.review.routing import QualityRouter, routes
from segqc_conformal.review.slice_errors import slice_errors
from segqc_conformal.review.slices import slice_rows

__all__ = [
    "CalibratedRefinementCheck",
    "HarmThreshold",
    "QualityRouter",
    "RefinementCheck",
    "Regions",
    "ReviewCurve",
    "after_correction",
    "find_regions",
    "in_order",
    "merged_mask",
    "patch_rows",
    "region_table",
    "review_curve",
    "routes",
    "slice_errors",
    "slice_rows",
    "slices_together",
]
