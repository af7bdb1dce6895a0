"""A calibrated interval: the numbers that widen a prediction, and what they promise."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from segqc_conformal.calibrators.groups import GroupQuantiles
from segqc_conformal.calibrators.interval_promise import interval_promise
from segqc_conformal.calibrators.nonconformity import (
    checked_scale,
    checked_values,
    scale_must_match,
)
from segqc_conformal.calibrators.support import bounded_ends
from segqc_conformal.calibrators.weighted_quantile import WeightedQuantile, score_features
from segqc_conformal.errors import InputError

__all__ = ["IntervalCertificate"]


@dataclass(frozen=True)
class IntervalCertificate:
    """A calibrated interval: what `DiceInterval.calibrate` returns.

    Parameters
    ----------
    miscoverage : float
        alpha, allowed probability that the interval misses.
    side : {"two-sided", "lower", "upper"}
        "lower" and "upper" promise one end only; the other is that of the support.
    confidence : float or None
        1 - delta of a PAC interval; None for a marginal one.
    patients : int
        Calibration patients counted.
    quantile : float or None
        Calibrated nonconformity, in units of the scale; None: too few patients and every interval
        is the whole support, or `groups` or `weighted` hold the numbers.
    support_low, support_high : float or None
        Smallest and largest possible value; None: unbounded on that side.
    measure : str
        What the interval is about, in words.
    scaled : bool or None
        Whether a scale is needed; None: not recorded.
    groups : GroupQuantiles or None
        Quantile of each group.
    weighted : WeightedQuantile or None
        Weighted nonconformity.
    look : int
        Number of the look at these patients' labels; a marginal promise is about each by itself.

    Notes
    -----
    Guarantee: see `promise`; what it assumes stands in `DiceInterval`.
    """

    miscoverage: float
    side: str
    confidence: float | None
    patients: int
    quantile: float | None
    support_low: float | None = 0.0
    support_high: float | None = 1.0
    measure: str = "Dice"
    scaled: bool | None = None
    groups: GroupQuantiles | None = None
    weighted: WeightedQuantile | None = None
    look: int = 1

    @property
    def support(self) -> tuple[float, float]:
        """Smallest and largest possible value, infinite where unbounded."""
        low, high = self.support_low, self.support_high
        return -np.inf if low is None else low, np.inf if high is None else high

    @property
    def own_promises(self) -> int:
        """How many promises there are: one, or one for each group with its own quantile."""
        if self.groups is None:
            return 0 if self.quantile is None and self.weighted is None else 1
        return len(self.groups.quantiles)

    def quantile_of(self, group: str) -> float | None:
        """Return the calibrated nonconformity of a group ("all" without groups), None if none."""
        if self.groups is None:
            return self.quantile
        return self.groups.calibrated.get(group)

    def interval(
        self,
        predicted: ArrayLike,
        scale: ArrayLike | None = None,
        groups: ArrayLike | None = None,
        weights: ArrayLike | None = None,
    ) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Return the intervals of new cases.

        Parameters
        ----------
        predicted : array_like of float, shape (cases,)
            Predicted Dice.
        scale : array_like of float, shape (cases,), optional
            Positive scale, if the certificate was calibrated with one.
        groups : array_like, shape (cases,), optional
            Group of each case, if calibrated by group; unseen or missing: the whole support.
        weights : array_like of float, shape (cases,), optional
            Positive weight of each case, if calibrated with weights; None where the certificate
            holds the odds they come from.

        Returns
        -------
        (low, high) : tuple of ndarray of float64, shape (cases,)
            Ordered, and inside the support.

        Raises
        ------
        InputError
            For NaN, infinite values, unequal lengths, and arguments that do not fit the
            calibration.

        Notes
        -----
        Guarantee: see `promise`.
        """
        predicted = checked_values(f"predicted {self.measure}", predicted)
        if weights is None and self.weighted is not None and self.weighted.odds is not None:
            scores = score_features(predicted, checked_scale(scale, predicted))
            weights = self.weighted.odds.of(scores)
        return self.between(predicted, predicted, scale, groups, weights)

    def between(
        self,
        below: NDArray[np.float64],
        above: NDArray[np.float64],
        scale: ArrayLike | None = None,
        groups: ArrayLike | None = None,
        weights: ArrayLike | None = None,
    ) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Return the intervals that start from two checked arrays, as `QuantileInterval` needs.

        Notes
        -----
        Guarantee: none by itself; `interval` and `QuantileIntervalCertificate` have one.
        """
        scale_must_match(self.scaled, scale)
        quantile = self._quantiles(below.size, groups, weights)
        low, high = bounded_ends(below, above, quantile, checked_scale(scale, below), self.support)
        if self.side == "lower":
            high.fill(self.support[1])
        if self.side == "upper":
            low.fill(self.support[0])
        return low, high

    def _quantiles(
        self, cases: int, groups: ArrayLike | None, weights: ArrayLike | None
    ) -> NDArray[np.float64] | float:
        for name, given, kept in (
            ("groups", groups, self.groups),
            ("weights", weights, self.weighted),
        ):
            if (given is None) != (kept is None):
                raise InputError(
                    f"{name} exactly where the certificate was calibrated with them",
                    f"no {name}" if given is None else name,
                    "pass what the calibration was given",
                )
        if self.groups is not None and groups is not None:
            return self.groups.of(groups, cases)
        if self.weighted is not None and weights is not None:
            return self.weighted.of(weights, cases, self.miscoverage)
        return np.inf if self.quantile is None else self.quantile

    @property
    def promise(self) -> str:
        """What holds, in words for a person."""
        return interval_promise(self)

    def to_json(self) -> str:
        """Return the certificate as JSON."""
        return json.dumps(asdict(self), sort_keys=True, allow_nan=False)

    @classmethod
    def from_json(cls, text: str) -> IntervalCertificate:
        """Read a certificate written by `to_json`."""
        return cls.from_dict(json.loads(text))

    @classmethod
    def from_dict(cls, fields: Mapping[str, Any]) -> IntervalCertificate:
        """Read the parsed JSON of a certificate; those of older versions lack the later fields."""
        groups, weighted = fields.get("groups"), fields.get("weighted")
        parts = {
            "groups": None if groups is None else GroupQuantiles.from_dict(groups),
            "weighted": None if weighted is None else WeightedQuantile.from_dict(weighted),
        }
        return cls(**{**fields, **parts})
