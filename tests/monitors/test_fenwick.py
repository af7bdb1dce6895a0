import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from segqc_conformal.errors import InputError
from segqc_conformal.monitors.fenwick import FenwickCounts


def test_counts_equal_those_of_a_plain_list() -> None:
    rng = np.random.default_rng(0)
    start = rng.integers(0, 5, size=37).tolist()
    bag, plain = FenwickCounts(start), list(start)
    for place in rng.integers(0, 37, size=500).tolist():
        assert bag.above(place) == sum(plain[place + 1 :])
        assert bag.equal(place) == plain[place]
        bag.add(place)
        plain[place] += 1
    assert bag.counts() == plain
    assert bag.total == sum(plain)


def test_a_bag_of_one_bin_has_nothing_above() -> None:
    bag = FenwickCounts([3])
    assert (bag.above(0), bag.equal(0)) == (0, 3)


@settings(max_examples=60, deadline=None)
@given(st.lists(st.lists(st.integers(0, 6), max_size=20), min_size=1, max_size=5), st.randoms())
def test_merged_bags_are_the_bag_of_one_pass_in_any_order(parts: list[list[int]], order) -> None:  # type: ignore[no-untyped-def]
    def bag(places: list[int]) -> FenwickCounts:
        found = FenwickCounts([0] * 7)
        for place in places:
            found.add(place)
        return found

    whole, bags = bag([place for part in parts for place in part]), [bag(part) for part in parts]
    order.shuffle(bags)
    merged = FenwickCounts.merged(*bags)
    nested = bags[0]
    for each in bags[1:]:
        nested = FenwickCounts.merged(nested, each)
    for found in (merged, nested):
        assert (found.counts(), found.total) == (whole.counts(), whole.total)
        assert [found.p_value(place, 0.3) for place in range(7)] == [
            whole.p_value(place, 0.3) for place in range(7)
        ]


def test_a_merged_bag_grows_apart_from_its_parts() -> None:
    part = FenwickCounts([1, 2])
    merged = FenwickCounts.merged(part)
    merged.add(0)
    assert (merged.counts(), part.counts()) == ([2, 2], [1, 2])


def test_bags_of_other_bins_do_not_merge() -> None:
    with pytest.raises(InputError, match=r"same bins.*received numbers of bins \[2, 3\]"):
        FenwickCounts.merged(FenwickCounts([1, 0]), FenwickCounts([1, 0, 0]))
    with pytest.raises(InputError, match="one at least"):
        FenwickCounts.merged()
