import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from segqc_conformal.measures.shape_place import MEANINGS, shape_place

SHAPES = st.sampled_from([(17,), (11, 9), (7, 6, 8), (6, 1, 7), (3, 4, 3, 3)])
KINDS = st.sampled_from(["blob", "noise", "full", "one voxel", "corner"])


@settings(max_examples=40, deadline=None)
@given(shape=SHAPES, kind=KINDS, seed=st.integers(0, 10**6))
def test_place_equals_brute_force(draw, shape, kind, seed):
    case = draw(seed, shape, kind)
    inner = np.zeros(shape, dtype=bool)
    inner[tuple(slice(1, -1) if length > 1 else slice(None) for length in shape)] = True
    centre = (np.array(shape) - 1) / 2
    offset = (np.argwhere(case.judged).mean(0) - centre) * case.spacing
    result = shape_place(case.structure)
    border = (case.judged & ~inner).sum() / case.judged.sum()
    assert result["border_share"] == pytest.approx(border, rel=1e-12)
    assert result["centroid_offset_mm"] == pytest.approx(
        np.sqrt(np.square(offset).sum()), rel=1e-9, abs=1e-12
    )


def test_single_slice_has_no_border_across_itself(draw):
    case = draw(0, (9, 1, 9), "one voxel")
    assert shape_place(case.structure) == {"border_share": 0.0, "centroid_offset_mm": 0.0}


def test_empty_mask_gives_zeros(draw):
    assert shape_place(draw(0, (4, 4), "empty").structure) == dict.fromkeys(MEANINGS, 0.0)
