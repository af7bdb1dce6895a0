import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import wasserstein_distance

from segqc_conformal.corruption import DiceHistogram
from segqc_conformal.errors import InputError


@settings(max_examples=50, deadline=None)
@given(
    st.lists(st.floats(0.0, 1.0), min_size=1, max_size=12),
    st.lists(st.integers(0, 5), min_size=3, max_size=3).filter(any),
)
def test_the_distance_is_scipys_between_samples(dice, shares):
    histogram = DiceHistogram([0.1, 0.4, 0.5, 0.9], shares)
    expected = wasserstein_distance(dice, histogram.values(20_000))
    assert histogram.distance(dice) == pytest.approx(expected, abs=1e-4)


@pytest.mark.parametrize("count", [1, 7, 20, 1000])
def test_values_are_as_near_as_so_many_can_be(count):
    histogram = DiceHistogram([0.0, 0.2, 0.6, 1.0], [2, 0, 6])
    values = histogram.values(count)
    assert (np.diff(values) > 0).all()
    assert histogram.distance(values) <= 1.0 / (2 * count)
    assert not ((values > 0.2) & (values < 0.6)).any()
    assert histogram.shares == (0.25, 0.0, 0.75)


def test_known_distances():
    histogram = DiceHistogram([0.0, 1.0], [1])
    assert histogram.distance([0.5]) == 0.25
    assert histogram.distance([1.0]) == 0.5
    assert DiceHistogram([0.5, 0.7], [1]).distance([0.1, 0.1]) == pytest.approx(0.5)


@pytest.mark.parametrize(
    ("edges", "shares", "words"),
    [
        ([0.0, 0.5, 0.5], [1, 1], "ascending edges"),
        ([0.0, 1.2], [1], "ascending edges"),
        ([0.5], [], "ascending edges"),
        ([0.0, 1.0], [1, 1], "1 shares >= 0"),
        ([0.0, 1.0], [0], "1 shares >= 0"),
        ([0.0, 0.5, 1.0], [1, -1], "2 shares >= 0"),
        ([0.0, 0.5, 1.0], [1, float("nan")], "2 shares >= 0"),
    ],
)
def test_what_is_no_histogram_is_refused(edges, shares, words):
    with pytest.raises(InputError, match=words):
        DiceHistogram(edges, shares)
