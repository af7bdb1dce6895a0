import numpy as np

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
