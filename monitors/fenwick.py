"""Counts in bins whose running sums cost the logarithm of the number of bins."""

from __future__ import annotations

from collections.abc import Sequence

from segqc_conformal.errors import InputError

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

    def p_value(self, bin_index: int, uniform: float) -> float:
        """Return the smoothed p-value of a new value in `bin_index`; large values have small ones.

        Parameters
        ----------
        bin_index : int
        uniform : float
            Tie-breaker in (0, 1), independent of all values.

        Returns
        -------
        float
            ``(values above + uniform * (values equal + 1)) / (total + 1)``, in (0, 1).
        """
        return (self.above(bin_index) + uniform * (self.equal(bin_index) + 1)) / (self.total + 1)

    @classmethod
    def merged(cls, *bags: FenwickCounts) -> FenwickCounts:
        """Return one bag that holds the values of all `bags`, whatever their order.

        Parameters
        ----------
        *bags : FenwickCounts
            Of different cases, in bins with the same edges. Bags that grew from one calibration
            all hold its values: merge what each of them added.

        Raises
        ------
        InputError
            For no bag, or bags of different numbers of bins.

        Notes
        -----
        Guarantee: equal to the bag of one pass over all values. Values of later cases have exact
        p-values in it where they are exchangeable with all of them. The evidence of the bets made
        so far does not merge: it needs one order of the cases.

        Examples
        --------
        >>> FenwickCounts.merged(FenwickCounts([2, 0]), FenwickCounts([1, 3])).counts()
        [3, 3]
        """
        sizes = [len(bag._counts) for bag in bags]
        if len(set(sizes)) != 1:
            raise InputError(
                "bags with the same bins, one at least",
                f"numbers of bins {sizes[:12]}",
                "merge bags that were made with the same edges",
            )
        return cls([sum(counts) for counts in zip(*(bag._counts for bag in bags), strict=True)])

    def counts(self) -> list[int]:
        """Return the counts by bin, as `FenwickCounts` takes them."""
        return list(self._counts)
