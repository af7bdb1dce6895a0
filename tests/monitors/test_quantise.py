from math import inf

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from segqc_conformal.monitors.quantise import (
    bin_count,
    bin_of,
    draw_for_edges,
    quantile_edges,
)

# far beyond what a feature table may hold, which is finite in float32
values = st.floats(min_value=-1e300, max_value=1e300) | st.just(-inf)


@given(st.lists(values, max_size=20), values, values)
def test_bins_keep_the_order_of_values(fit: list[float], one: float, two: float) -> None:
    edges = quantile_edges(fit)
    low, high = bin_of(min(one, two), edges), bin_of(max(one, two), edges)
    assert 0 <= low <= high < bin_count(edges)


def test_an_edge_and_minus_infinity_have_bins_of_their_own() -> None:
    edges = [1.0, 2.0]
    bins = [bin_of(value, edges) for value in (-inf, 0.5, 1.0, 1.5, 2.0, 2.5)]
    assert bins == [0, 1, 2, 3, 4, 5]


def test_edges_of_constant_or_empty_values() -> None:
    assert quantile_edges([3.0, 3.0]) == [3.0]
    assert quantile_edges([-inf, -inf]) == []
    assert len(quantile_edges(np.arange(10_000.0))) == 257


def test_one_in_five_is_drawn_by_the_seed() -> None:
    assert draw_for_edges(500, 7).sum() == 100
    assert draw_for_edges(3, 7).sum() == 1
    assert not np.array_equal(draw_for_edges(500, 7), draw_for_edges(500, 8))
