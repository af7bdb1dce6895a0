import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from segqc_conformal.measures.map_texture import MEANINGS, map_texture

SHAPES = st.sampled_from([(24,), (13, 12), (9, 8, 7)])
KINDS = st.sampled_from(["blob", "noise", "full", "corner"])


@settings(max_examples=30, deadline=None)
@given(shape=SHAPES, kind=KINDS, seed=st.integers(0, 10**6))
def test_statistics_of_predictive_entropy_equal_scipy(draw, shape, kind, seed):
    case = draw(seed, shape, kind)
    values = case.maps["predictive_entropy"][case.judged]
    result = map_texture(case.structure)
    assert result == {
        "predictive_entropy_histogram_entropy": pytest.approx(
            stats.entropy(np.histogram(values, bins=32)[0]), rel=1e-6
        ),
        "predictive_entropy_kurtosis": pytest.approx(stats.kurtosis(values), rel=1e-6),
        "predictive_entropy_skewness": pytest.approx(stats.skew(values), rel=1e-6, abs=1e-9),
        "predictive_entropy_std": pytest.approx(values.std(), rel=1e-6),
    }


def test_weights_of_elements_count_as_copies(draw):
    copies = np.random.default_rng(0).integers(1, 4, 24)
    case = draw(0, (24,), weights=copies.astype(np.float64))
    values = np.repeat(case.maps["predictive_entropy"][case.judged], copies[case.judged])
    result = map_texture(case.structure)
    assert result["predictive_entropy_std"] == pytest.approx(values.std(), rel=1e-6)
    assert result["predictive_entropy_skewness"] == pytest.approx(stats.skew(values), rel=1e-6)


def test_empty_mask_gives_zeros(draw):
    assert map_texture(draw(0, (6, 5), "empty").structure) == dict.fromkeys(MEANINGS, 0.0)
