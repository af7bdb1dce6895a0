import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from segqc_conformal.measures.slice_confidence import MEANINGS, slice_confidence

SHAPES = st.sampled_from([(30,), (21, 18), (12, 17, 6), (6, 1, 7)])
KINDS = st.sampled_from(["blob", "noise", "full", "one voxel", "corner"])


@settings(max_examples=50, deadline=None)
@given(shape=SHAPES, kind=KINDS, seed=st.integers(0, 10**6))
def test_slices_equal_brute_force(draw, shape, kind, seed):
    case = draw(seed, shape, kind)
    axis = max(range(len(shape)), key=lambda a: (case.spacing[a], a))
    confidence = [
        2 * p[m].sum() / (p.sum() + m.sum())
        for p, m in zip(
            np.moveaxis(case.p, axis, 0), np.moveaxis(case.judged, axis, 0), strict=True
        )
        if m.any()
    ]
    result = slice_confidence(case.structure)
    assert result["soft_dice_confidence_slice_mean"] == pytest.approx(np.mean(confidence), rel=1e-6)
    assert result["soft_dice_confidence_slice_min"] == pytest.approx(min(confidence), rel=1e-6)


def test_empty_mask_has_no_confidence(draw):
    empty = draw(0, (5, 5), "empty").structure
    assert slice_confidence(empty) == dict.fromkeys(MEANINGS, 0.0)
