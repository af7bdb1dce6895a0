"""Intervals on Dice that hold with a stated probability."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from segqc_conformal.calibrators.checks import (
    check_open_unit,
    finite_array,
    first_row_of_each_patient,
    percent,
)
from segqc_conformal.calibrators.conformal_rank import interval_rank
from segqc_conformal.errors import InputError

__all__ = ["DiceInterval", "IntervalCertificate"]

SIDES = ("two-sided", "lower")
EPSILON = float(np.finfo(np.float64).eps)


@dataclass(frozen=True)
class IntervalCertificate:
    """A calibrated interval: what `DiceInterval.calibrate` returns.

    Parameters
    ----------
    miscoverage : float
        alpha, allowed probability that the interval misses.
    side : {"two-sided", "lower"}
        "lower" promises a lower end only; the upper end is 1.
    confidence : float or None
        1 - delta of a PAC interval; None for a marginal one.
    patients : int
        Calibration patients counted.
    quantile : float or None
        Calibrated nonconformity, in units of the scale; None: too few patients, every interval
        is [0, 1].

    Notes
    -----
    Guarantee: see `promise`; what it assumes stands in `DiceInterval`.
    """

    miscoverage: float
    side: str
    confidence: float | None
    patients: int
    quantile: float | None

    def interval(
        self, predicted: ArrayLike, scale: ArrayLike | None = None
    ) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Return the intervals of new cases.

        Parameters
        ----------
        predicted : array_like of float, shape (cases,)
            Predicted Dice.
        scale : array_like of float, shape (cases,), optional
            Positive scale, if the certificate was calibrated with one.

        Returns
        -------
        (low, high) : tuple of ndarray of float64, shape (cases,)
            ``0 <= low <= high <= 1``.

        Notes
        -----
        Guarantee: see `promise`.
        """
        predicted = finite_array("predicted Dice", predicted)
        if self.quantile is None:
            return np.zeros_like(predicted), np.ones_like(predicted)
        # rounding must not lose a case that lies exactly on the end, as ties and constants do
        margin = self.quantile * _checked_scale(scale, predicted) * (1.0 + 4.0 * EPSILON)
        low = np.clip(predicted - margin, 0.0, 1.0)
        if self.side == "lower":
            return low, np.ones_like(predicted)
        return low, np.maximum(low, np.clip(predicted + margin, 0.0, 1.0))

    @property
    def promise(self) -> str:
        """What holds, in one sentence for a person."""
        share = f"{percent(1 - self.miscoverage)}"
        if self.quantile is None:
            return (
                f"Too few calibration patients ({self.patients}) for an interval at {share}: every "
                "interval is [0, 1], which always holds and says nothing."
            )
        what = (
            "true Dice is at least the lower end"
            if self.side == "lower"
            else "interval contains the true Dice"
        )
        if self.confidence is None:
            return (
                f"For a new patient exchangeable with the {self.patients} calibration patients the "
                f"{what} with probability at least {share}, averaged over calibrations and over "
                "accepted and referred cases alike."
            )
        return (
            f"With {percent(self.confidence)} confidence in this calibration of {self.patients} "
            f"patients, the {what} for at least {share} of new patients of the same population, "
            "accepted and referred cases together."
        )

    def to_json(self) -> str:
        """Return the certificate as JSON."""
        return json.dumps(asdict(self), sort_keys=True)

    @classmethod
    def from_json(cls, text: str) -> IntervalCertificate:
        """Read a certificate written by `to_json`."""
        return cls(**json.loads(text))


@dataclass(frozen=True)
class DiceInterval:
    """Settings of a split-conformal interval on Dice, bounded to [0, 1].

    Parameters
    ----------
    miscoverage : float, default 0.1
        alpha in (0, 1).
    side : {"two-sided", "lower"}
        Both ends, or a lower end only.
    confidence : float, optional
        1 - delta in (0, 1) for a PAC interval; None for a marginal one.

    Notes
    -----
    Guarantee: marginal, P(dice in [low, high]) >= 1 - alpha over calibration draw and new
    patient, if patients are exchangeable and `predicted` and `scale` were made without the
    calibration labels. PAC: the same coverage with probability >= 1 - delta over the
    calibration draw, if patients are independent and identically distributed. Not promised: per
    case, per group, or among accepted cases.
    Source: Papadopoulos et al., Inductive Confidence Machines (ECML 2002); Lei et al., JASA 113
    (2018), Theorem 2.2 and section 5.2; PAC: Vovk (ACML 2012).

    Examples
    --------
    >>> certificate = DiceInterval(miscoverage=0.2).calibrate([0.9] * 9, np.arange(1, 10) / 10)
    >>> low, high = certificate.interval([0.9, 0.5])
    >>> low.round(2).tolist(), high.round(2).tolist()
    ([0.2, 0.0], [1.0, 1.0])
    """

    miscoverage: float = 0.1
    side: str = "two-sided"
    confidence: float | None = None

    def __post_init__(self) -> None:
        """Check the settings."""
        check_open_unit(miscoverage=self.miscoverage, confidence=self.confidence)
        if self.side not in SIDES:
            raise InputError(f"side one of {SIDES}", repr(self.side), "choose one of them")

    def calibrate(
        self,
        predicted: ArrayLike,
        dice: ArrayLike,
        scale: ArrayLike | None = None,
        patients: ArrayLike | None = None,
    ) -> IntervalCertificate:
        """Calibrate on labelled cases that fitted nothing.

        Parameters
        ----------
        predicted : array_like of float, shape (cases,)
            Predicted Dice of each calibration case.
        dice : array_like of float, shape (cases,)
            True Dice in [0, 1].
        scale : array_like of float, shape (cases,), optional
            Positive scale of the error; None for constant width.
        patients : array_like, shape (cases,), optional
            Patient of each case; the first row of each patient counts, so sort by time. None:
            every row is its own patient.

        Returns
        -------
        IntervalCertificate

        Raises
        ------
        InputError
            For NaN, infinite or out-of-range values and unequal lengths. Too few patients do not
            raise: the certificate then gives [0, 1].
        """
        dice = finite_array("dice", dice, low=0.0, high=1.0)
        predicted = finite_array("predicted Dice", predicted, like=dice)
        error = predicted - dice if self.side == "lower" else np.abs(predicted - dice)
        rows = first_row_of_each_patient(patients, dice.size)
        nonconformity = np.sort((error / _checked_scale(scale, predicted))[rows])
        rank = interval_rank(rows.size, self.miscoverage, self.confidence)
        quantile = None if rank is None else float(nonconformity[rank - 1])
        return IntervalCertificate(
            self.miscoverage, self.side, self.confidence, int(rows.size), quantile
        )


def _checked_scale(
    scale: ArrayLike | None, like: NDArray[np.float64]
) -> NDArray[np.float64] | float:
    if scale is None:
        return 1.0
    smallest = float(np.finfo(np.float64).tiny)
    return finite_array("scale", scale, like=like, low=smallest, high=np.finfo(np.float64).max)
