from math import prod

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import ndimage

from segqc_conformal.measures.uncertain_blob import uncertain_blob


@settings(max_examples=40, deadline=None)
@given(
    shape=st.sampled_from([(20,), (11, 9), (7, 6, 8)]),
    kind=st.sampled_from(["blob", "empty", "full"]),
    seed=st.integers(0, 10**6),
)
def test_uncertain_blob_equals_brute_force(draw, shape, kind, seed):
    case = draw(seed, shape, kind)
    numbers, count = ndimage.label((case.p > 0.205) & (case.p < 0.795))
    blob = max([(numbers == number).sum() for number in range(1, count + 1)], default=0)
    size = case.judged.sum()
    result = uncertain_blob(case.structure)
    assert result["uncertain_blob_ml"] == pytest.approx(blob * prod(case.spacing) / 1000)
    assert result["uncertain_blob_share"] == (blob / (blob + size) if size else 1.0)


@pytest.mark.parametrize("shape", [(10,), (9, 8), (7, 6, 8)])
def test_certain_background_around_the_case_changes_nothing(draw, shape):
    plain, padded = (uncertain_blob(draw(3, shape, pad=by).structure) for by in (0, 5))
    assert plain == pytest.approx(padded, rel=1e-12)
