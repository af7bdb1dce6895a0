from math import log

import numpy as np
import pytest
from scipy import stats

from segqc_conformal.measures.first_order import BINS, histogram_entropy, moments


def test_evenly_filled_bins_have_the_largest_entropy():
    assert histogram_entropy(np.arange(10.0 * BINS)) == pytest.approx(log(BINS), rel=1e-12)


@pytest.mark.parametrize("seed", range(5))
def test_weights_count_as_copies(seed):
    rng = np.random.default_rng(seed)
    values, copies = rng.gamma(2.0, size=50), rng.integers(1, 5, 50)
    repeated, weights = np.repeat(values, copies), copies.astype(np.float64)
    assert moments(values, weights) == {
        "mean": pytest.approx(repeated.mean(), rel=1e-12),
        "std": pytest.approx(repeated.std(), rel=1e-9),
        "skewness": pytest.approx(stats.skew(repeated), rel=1e-9),
        "kurtosis": pytest.approx(stats.kurtosis(repeated), rel=1e-9, abs=1e-12),
    }
    expected = stats.entropy(np.histogram(repeated, bins=BINS)[0])
    assert histogram_entropy(values, weights) == pytest.approx(expected, rel=1e-9)


def test_equal_values_have_no_spread():
    values = np.full(7, 0.3)
    assert moments(values) == {
        "mean": pytest.approx(0.3),
        "std": pytest.approx(0.0, abs=1e-12),
        "skewness": 0.0,
        "kurtosis": 0.0,
    }
    assert histogram_entropy(values) == 0.0
