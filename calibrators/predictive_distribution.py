"""The whole predictive distribution of a case: the probability of Dice > t at any t."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from segqc_conformal.calibrators.checks import first_row_of_each_patient
from segqc_conformal.calibrators.nonconformity import (
    LARGEST,
    checked_scale,
    checked_values,
    residual,
    scale_must_match,
)
from segqc_conformal.calibrators.support import check_support

__all__ = ["DicePredictiveDistribution", "PredictiveDistributionCertificate"]


@dataclass(frozen=True)
class PredictiveDistributionCertificate:
    """A calibrated predictive distribution: `DicePredictiveDistribution.calibrate` returns it.

    Parameters
    ----------
    errors : tuple of float
        Signed errors (true less predicted, in units of the scale) of the calibration patients,
        ascending. One patient each.
    scaled : bool
        Whether a scale is needed.
    support_low, support_high : float or None
        Smallest and largest possible value; None: unbounded on that side.

    Notes
    -----
    Guarantee: that of `DicePredictiveDistribution`. The probability is always known up to
    1 / (n + 1) only; single values are the middle of that band.
    """

    errors: tuple[float, ...]
    scaled: bool
    support_low: float | None = 0.0
    support_high: float | None = 1.0

    @cached_property
    def _ascending(self) -> tuple[NDArray[np.float64], NDArray[np.intp]]:
        errors = np.asarray(self.errors, dtype=np.float64)
        past_ties = np.searchsorted(errors, errors, side="right")
        return np.append(errors, np.nan), np.append(past_ties, errors.size)

    def probability_above(
        self, predicted: ArrayLike, scale: ArrayLike | None, t: ArrayLike
    ) -> NDArray[np.float64]:
        """Return P(Dice > t) of new cases: the middle of `probability_bounds`.

        Notes
        -----
        Guarantee: none for one t or one case; see `DicePredictiveDistribution`.
        """
        low, high = self.probability_bounds(predicted, scale, t)
        return 0.5 * (low + high)

    def probability_bounds(
        self, predicted: ArrayLike, scale: ArrayLike | None, t: ArrayLike
    ) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Return the lower and upper probability of Dice > t of new cases.

        Parameters
        ----------
        predicted : array_like of float, shape (cases,)
        scale : array_like of float, shape (cases,), or None
            Positive scale, if calibrated with one.
        t : float or array_like of float, shape (cases,)

        Returns
        -------
        (low, high) : tuple of ndarray of float64, shape (cases,)
            #{errors > r} / (n + 1) and (#{errors >= r} + 1) / (n + 1), r the error that t would be.
            What lies outside the support is moved to its ends: below it both are 1, from its upper
            end on both are 0.

        Notes
        -----
        Guarantee: none for one t or one case; see `DicePredictiveDistribution`.
        """
        predicted = checked_values("predicted Dice", predicted)
        t = checked_values("t", np.broadcast_to(np.asarray(t, np.float64), predicted.shape))
        at_most, below = self._counts(predicted, scale, t)
        n = len(self.errors)
        low, high = (n - at_most) / (n + 1.0), (n - below + 1.0) / (n + 1.0)
        inside, before = t < self._end(self.support_high), t < self._end(self.support_low, -1.0)
        return np.where(before, 1.0, low * inside), np.where(before, 1.0, high * inside)

    def pit(
        self,
        predicted: ArrayLike,
        scale: ArrayLike | None,
        dice: ArrayLike,
        rng: np.random.Generator,
    ) -> NDArray[np.float64]:
        """Return where each true Dice falls in its predictive distribution (PIT).

        Parameters
        ----------
        predicted, dice : array_like of float, shape (cases,)
            Predicted and true Dice of cases that did not calibrate.
        scale : array_like of float, shape (cases,), or None
        rng : numpy.random.Generator
            Places ties, and the last 1 / (n + 1), at random.

        Returns
        -------
        ndarray of float64, shape (cases,)

        Notes
        -----
        Guarantee: each value is exactly uniform on [0, 1] over calibration draw and new patient,
        also with ties. Values of one calibration are dependent.
        """
        predicted = checked_values("predicted Dice", predicted)
        dice = checked_values("dice", dice, like=predicted)
        at_most, below = self._counts(predicted, scale, dice)
        share = rng.random(predicted.size)
        return (below + share * (at_most - below + 1.0)) / (len(self.errors) + 1.0)

    def _counts(
        self, predicted: NDArray[np.float64], scale: ArrayLike | None, at: NDArray[np.float64]
    ) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
        scale_must_match(self.scaled, scale)
        error = _errors(predicted, at, scale)
        ascending, past_ties = self._ascending
        below = np.searchsorted(ascending[:-1], error, side="left")
        return np.where(ascending[below] == error, past_ties[below], below), below

    @staticmethod
    def _end(end: float | None, sign: float = 1.0) -> float:
        return sign * np.inf if end is None else end

    @property
    def promise(self) -> str:
        """What holds, in one sentence for a person."""
        return (
            f"Over new patients exchangeable with the {len(self.errors)} calibration patients the "
            "true Dice falls anywhere in the predictive distribution equally often; the "
            "probability of a single case is shown for information and decides nothing."
        )

    def to_json(self) -> str:
        """Return the certificate as JSON."""
        return json.dumps(asdict(self), sort_keys=True, allow_nan=False)

    @classmethod
    def from_json(cls, text: str) -> PredictiveDistributionCertificate:
        """Read a certificate written by `to_json`."""
        return cls.from_dict(json.loads(text))

    @classmethod
    def from_dict(cls, fields: Mapping[str, Any]) -> PredictiveDistributionCertificate:
        """Read the parsed JSON of a certificate."""
        return cls(**{**fields, "errors": tuple(fields["errors"])})


@dataclass(frozen=True)
class DicePredictiveDistribution:
    """Settings of a split-conformal predictive distribution of Dice.

    Parameters
    ----------
    support : (float, float), default (0, 1)
        Smallest and largest possible value.

    Notes
    -----
    Guarantee: with exchangeable patients the randomised value of the distribution at the true
    Dice (`pit`) is exactly uniform, over calibration draw and new patient. So the lower end of
    ``DiceInterval(alpha, side="lower")`` is the largest t up to which the lower probability of
    Dice > t is at least 1 - alpha. Not promised: the probability at one t, for one case, in a
    group, or among accepted cases.
    Source: Vovk, Petej, Nouretdinov, Manokhin, Gammerman, Computationally efficient versions of
    conformal predictive distributions, Neurocomputing 397 (2020), split version.

    Examples
    --------
    >>> dice = np.arange(1, 10) / 10
    >>> certificate = DicePredictiveDistribution().calibrate([0.5] * 9, dice)
    >>> low, high = certificate.probability_bounds([0.5, 0.5], None, [0.75, 1.0])
    >>> low.tolist(), high.tolist()
    ([0.2, 0.0], [0.3, 0.0])
    """

    support: tuple[float, float] = (0.0, 1.0)

    def __post_init__(self) -> None:
        """Check the settings."""
        check_support(self.support)

    def calibrate(
        self,
        predicted: ArrayLike,
        dice: ArrayLike,
        scale: ArrayLike | None = None,
        patients: ArrayLike | None = None,
    ) -> PredictiveDistributionCertificate:
        """Calibrate on labelled cases that fitted nothing.

        Parameters
        ----------
        predicted, dice : array_like of float, shape (cases,)
            Predicted Dice, and true Dice inside the support.
        scale : array_like of float, shape (cases,), optional
            Positive scale of the error.
        patients : array_like, shape (cases,), optional
            Patient of each case; the first row of each patient counts. None: every row is its own
            patient.

        Returns
        -------
        PredictiveDistributionCertificate

        Raises
        ------
        InputError
            For NaN, infinite or out-of-range values and unequal lengths.
        """
        low, high = self.support
        dice = checked_values("dice", dice, low=low, high=high)
        predicted = checked_values("predicted Dice", predicted, like=dice)
        rows = first_row_of_each_patient(patients, dice.size)
        errors = _errors(predicted, dice, scale)[rows]
        ends = (float(end) if np.isfinite(end) else None for end in self.support)
        return PredictiveDistributionCertificate(
            tuple(np.sort(errors).tolist()), scale is not None, *ends
        )


def _errors(
    predicted: NDArray[np.float64], true: NDArray[np.float64], scale: ArrayLike | None
) -> NDArray[np.float64]:
    # errors too large for a number are the largest one, for calibration and new patients alike
    return np.minimum(residual(predicted, true, "upper", checked_scale(scale, predicted)), LARGEST)
