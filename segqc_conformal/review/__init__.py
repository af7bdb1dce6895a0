"""What a person should look at, in which order: slices, patches and regions of a case."""

from segqc_conformal.review.after_correction import after_correction
from segqc_conformal.review.curve import ReviewCurve, review_curve
from segqc_conformal.review.order import in_order, slices_together
from segqc_conformal.review.patches import patch_rows
from segqc_conformal.review.regions import Regions, find_regions
from segqc_conformal.review.slice_errors import slice_errors
from segqc_conformal.review.slices import slice_rows

__all__ = [
    "Regions",
    "ReviewCurve",
    "after_correction",
    "find_regions",
    "in_order",
    "patch_rows",
    "review_curve",
    "slice_errors",
    "slice_rows",
    "slices_together",
]
