"""Counts in bins whose running sums cost the logarithm of the number of bins."""

from __future__ import annotations

from collections.abc import Sequence

__all__ = ["FenwickCounts"]


class FenwickCounts:
    """A bag of values that are known only by their bin; it grows for ever in fixed memory.

    Parameters
    ----------
    counts : sequence of int, length ``bins``
        Values already in the bag, by bin, >= 0.

    Notes
    -----
    Guarantee: none (arithmetic). Source: Fenwick, Software Practice and Experience 24 (1994).

    Examples
    --------
    >>> bag = FenwickCounts([2, 0, 1])
    >>> bag.add(1)
    >>> bag.above(0), bag.equal(0), bag.total
    (2, 2, 4)
    """

    __slots__ = ("_counts", "_tree", "total")

    def __init__(self, counts: Sequence[int]) -> None:
        self._counts = list(counts)
        self.total = sum(self._counts)
        tree = [0, *self._counts]
        for node in range(1, len(tree)):
            parent = node + (node & -node)
            if parent < len(tree):
                tree[parent] += tree[node]
        self._tree = tree

    def add(self, bin_index: int) -> None:
        """Put one more value into the bin `bin_index`."""
        self._counts[bin_index] += 1
        self.total += 1
        tree, size = self._tree, len(self._tree)
        node = bin_index + 1
        while node < size:
            tree[node] += 1
            node += node & -node

    def above(self, bin_index: int) -> int:
        """Return how many values lie in bins above `bin_index`."""
        tree, node, up_to = self._tree, bin_index + 1, 0
        while node:
            up_to += tree[node]
            node &= node - 1
        return self.total - up_to

    def equal(self, bin_index: int) -> int:
        """Return how many values lie in `bin_index` itself."""
        return self._counts[bin_index]

    def counts(self) -> list[int]:
        """Return the counts by bin, as `FenwickCounts` takes them."""
        return list(self._counts)
