"""Cases with a score and a target, counted once or by the counts of many bootstrap replicates."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import ArrayLike, NDArray

from segqc_conformal.errors import InputError

__all__ = ["Metric", "TiedGroups", "Values", "WeightedSample", "tied_groups"]

Values = float | NDArray[np.float64]


class Metric(Protocol):
    """A number of scores and targets; one number per replicate where counts are given."""

    def __call__(
        self, score: ArrayLike, target: ArrayLike, counts: ArrayLike | None = None, /
    ) -> Values:
        """Return the number, or one per row of `counts`."""


@dataclass(frozen=True, eq=False)
class TiedGroups:
    """Cases sorted by a value, largest first, in groups of equal values.

    Parameters
    ----------
    group : ndarray of int, shape (cases,)
        Group of each case, 0 for the largest value.
    counts : ndarray of float64, shape (replicates, cases)
    size : ndarray of float64, shape (replicates, groups)
        How many cases a group holds in each replicate; 0 where it is absent.
    before : ndarray of float64, shape (replicates, groups)
        How many cases lie in the groups before.

    Notes
    -----
    Guarantee: none (arithmetic).
    """

    group: NDArray[np.intp]
    counts: NDArray[np.float64]
    size: NDArray[np.float64]
    before: NDArray[np.float64]

    def sums(self, values: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return the sum of `values`, shape (cases,), over each group: (replicates, groups)."""
        return _by_group(self.counts * values, self.group)

    @property
    def ranks(self) -> NDArray[np.float64]:
        """Mid-ranks of the cases, 1 for the largest value: (replicates, cases)."""
        return (self.before + (self.size + 1.0) / 2.0)[:, self.group]

    @property
    def varies(self) -> NDArray[np.bool_]:
        """Whether a replicate holds more than one value."""
        return np.asarray((self.size > 0.0).sum(axis=1) > 1)


def tied_groups(values: NDArray[np.float64], counts: NDArray[np.float64]) -> TiedGroups:
    """Group cases of equal value, largest first.

    Examples
    --------
    >>> tied_groups(np.array([1.0, 3.0, 1.0]), np.ones((1, 3))).ranks.tolist()
    [[2.5, 1.0, 2.5]]
    """
    group = np.unique(-values, return_inverse=True)[1].reshape(-1)
    size = _by_group(counts, group)
    return TiedGroups(group, counts, size, np.cumsum(size, axis=1) - size)


def _by_group(values: NDArray[np.float64], group: NDArray[np.intp]) -> NDArray[np.float64]:
    order = np.argsort(group, kind="stable")
    starts = np.searchsorted(group[order], np.arange(group.max() + 1))
    if starts.size == order.size:  # no ties: nothing to add up
        return values[:, order]
    return np.asarray(np.add.reduceat(values[:, order], starts, axis=1))


@dataclass(frozen=True, eq=False)
class WeightedSample:
    """Checked scores and targets of cases, with how often each case counts.

    Parameters
    ----------
    score, target : ndarray of float64, shape (cases,)
    counts : ndarray of float64, shape (replicates, cases)
        Whole numbers; a single row of ones where the caller gave none.
    single : bool
        Whether `answer` gives one float.

    Notes
    -----
    Guarantee: none (arithmetic). A metric of counts equals the metric of cases that are repeated
    as often as counted.
    """

    score: NDArray[np.float64]
    target: NDArray[np.float64]
    counts: NDArray[np.float64]
    single: bool

    @classmethod
    def of(
        cls,
        score: ArrayLike,
        target: ArrayLike,
        counts: ArrayLike | None,
        *,
        score_in: tuple[float, float] = (-np.inf, np.inf),
        target_in: tuple[float, float] = (0.0, 1.0),
    ) -> WeightedSample:
        """Check the input of a metric.

        Raises
        ------
        InputError
            For no cases, unequal lengths, NaN, values out of range, or counts that are none.
        """
        scores = np.asarray(score, dtype=np.float64)
        targets = np.asarray(target, dtype=np.float64)
        if scores.ndim != 1 or scores.shape != targets.shape or scores.size == 0:
            raise InputError(
                "one score and one target for each of at least one case",
                f"shapes {scores.shape} and {targets.shape}",
                "give arrays of equal length",
            )
        _check_range("scores", scores, score_in)
        _check_range("targets", targets, target_in)
        if counts is None:
            return cls(scores, targets, np.ones((1, scores.size)), single=True)
        times = np.asarray(counts, dtype=np.float64)
        if times.shape[-1:] != scores.shape or times.ndim > 2:
            raise InputError(
                f"counts of shape (replicates, {scores.size})",
                f"shape {times.shape}",
                "count every case in every replicate",
            )
        whole = np.isfinite(times) & (times >= 0.0) & (times == np.floor(times))
        if not whole.all() or not times.any(axis=-1).all():
            raise InputError(
                "whole counts >= 0, not all 0", "others", "draw them with `patient_counts`"
            )
        return cls(scores, targets, np.atleast_2d(times), single=times.ndim == 1)

    @property
    def total(self) -> NDArray[np.float64]:
        """Cases of each replicate, shape (replicates,)."""
        return np.asarray(self.counts.sum(axis=1))

    def mean(self, values: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return the mean of `values`, shape (cases,), in each replicate."""
        return np.asarray(self.counts @ values / self.total)

    def answer(self, values: NDArray[np.float64]) -> Values:
        """Return one float for a single count, else the values of the replicates."""
        return float(values[0]) if self.single else np.asarray(values, dtype=np.float64)


def _check_range(name: str, values: NDArray[np.float64], within: tuple[float, float]) -> None:
    low, high = within
    if np.isnan(values).any():
        raise InputError(f"{name} without NaN", "NaN", "leave these cases out, or repair them")
    if not ((values >= low) & (values <= high)).all():
        raise InputError(f"{name} in [{low:g}, {high:g}]", "values outside", "repair them")
