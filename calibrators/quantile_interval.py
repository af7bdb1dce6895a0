"""Intervals from two predicted quantiles, widened or drawn in until they hold (CQR)."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from segqc_conformal.calibrators.interval import DiceInterval
from segqc_conformal.calibrators.interval_certificate import IntervalCertificate
from segqc_conformal.calibrators.nonconformity import checked_values, residual

__all__ = ["QuantileInterval", "QuantileIntervalCertificate"]


@dataclass(frozen=True)
class QuantileIntervalCertificate:
    """A calibrated correction of predicted quantiles: what `QuantileInterval.calibrate` returns.

    Parameters
    ----------
    correction : IntervalCertificate
        Its quantile is added on both sides; a negative one draws the ends in.

    Notes
    -----
    Guarantee: see `promise`; what it assumes stands in `QuantileInterval`.
    """

    correction: IntervalCertificate

    def interval(
        self,
        predicted_low: ArrayLike,
        predicted_high: ArrayLike,
        groups: ArrayLike | None = None,
        weights: ArrayLike | None = None,
    ) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Return the intervals of new cases.

        Parameters
        ----------
        predicted_low, predicted_high : array_like of float, shape (cases,)
            Predicted quantiles; they may cross.
        groups, weights : array_like, shape (cases,), optional
            As in `IntervalCertificate.interval`.

        Returns
        -------
        (low, high) : tuple of ndarray of float64, shape (cases,)
            Ordered, and inside the support; where the corrected ends cross, the interval is empty
            and both are the point half way.

        Notes
        -----
        Guarantee: see `promise`.
        """
        below, above = _quantiles(predicted_low, predicted_high, self.correction.measure)
        low, high = self.correction.between(below, above, None, groups, weights)
        crossed = low > high
        low[crossed] = high[crossed] = 0.5 * (low[crossed] + high[crossed])
        return low, high

    @property
    def promise(self) -> str:
        """What holds, in words for a person."""
        return self.correction.promise

    def to_json(self) -> str:
        """Return the certificate as JSON."""
        return json.dumps(asdict(self), sort_keys=True, allow_nan=False)

    @classmethod
    def from_json(cls, text: str) -> QuantileIntervalCertificate:
        """Read a certificate written by `to_json`."""
        return cls.from_dict(json.loads(text))

    @classmethod
    def from_dict(cls, fields: Mapping[str, Any]) -> QuantileIntervalCertificate:
        """Read the parsed JSON of a certificate."""
        return cls(IntervalCertificate.from_dict(fields["correction"]))


@dataclass(frozen=True)
class QuantileInterval:
    """Settings of conformalized quantile regression, symmetric, inside the support.

    Parameters
    ----------
    miscoverage, confidence, support, measure
        As in `DiceInterval`. For one end alone use ``DiceInterval(side="lower")`` with the
        predicted quantile as the prediction; for a correction in proportion to the predicted
        width use `DiceInterval` with the middle as prediction and half the width as scale.

    Notes
    -----
    Guarantee: that of `DiceInterval`, whatever the predicted quantiles are worth, with the
    nonconformity max(low - dice, dice - high).
    Source: Romano, Patterson, Candes, Conformalized quantile regression (NeurIPS 2019),
    Theorem 1.

    Examples
    --------
    >>> dice = np.arange(1, 10) / 10
    >>> certificate = QuantileInterval(miscoverage=0.2).calibrate([0.4] * 9, [0.6] * 9, dice)
    >>> low, high = certificate.interval([0.5], [0.7])
    >>> low.round(2).tolist(), high.round(2).tolist()
    ([0.2], [1.0])
    """

    miscoverage: float = 0.1
    confidence: float | None = None
    support: tuple[float, float] = (0.0, 1.0)
    measure: str = "Dice"

    def __post_init__(self) -> None:
        """Check the settings."""
        self._settings()

    def calibrate(
        self,
        predicted_low: ArrayLike,
        predicted_high: ArrayLike,
        dice: ArrayLike,
        groups: ArrayLike | None = None,
        weights: ArrayLike | None = None,
        weights_are: str | None = None,
        patients: ArrayLike | None = None,
    ) -> QuantileIntervalCertificate:
        """Calibrate on labelled cases that fitted nothing.

        Parameters
        ----------
        predicted_low, predicted_high : array_like of float, shape (cases,)
            Predicted quantiles of Dice.
        dice : array_like of float, shape (cases,)
            True Dice, finite and inside the support.
        groups, weights, weights_are, patients
            As in `DiceInterval.calibrate`.

        Returns
        -------
        QuantileIntervalCertificate

        Raises
        ------
        InputError
            As `DiceInterval.calibrate` does.
        """
        low, high = self.support
        dice = checked_values(self.measure.lower(), dice, low=low, high=high)
        below, above = _quantiles(predicted_low, predicted_high, self.measure, dice)
        return QuantileIntervalCertificate(
            self._settings().certify(
                np.maximum(residual(below, dice, "lower"), residual(above, dice, "upper")),
                False,
                groups,
                weights,
                weights_are,
                patients,
            )
        )

    def _settings(self) -> DiceInterval:
        return DiceInterval(
            self.miscoverage, "two-sided", self.confidence, self.support, self.measure
        )


def _quantiles(
    low: ArrayLike, high: ArrayLike, measure: str, like: NDArray[np.float64] | None = None
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    below = checked_values(f"predicted low {measure}", low, like)
    return below, checked_values(f"predicted high {measure}", high, below)
