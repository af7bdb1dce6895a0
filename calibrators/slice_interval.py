"""Intervals on the Dice of slices, with the patient as the unit."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from segqc_conformal.calibrators.checks import (
    check_open_unit,
    first_row_of_each_patient,
    percent,
)
from segqc_conformal.calibrators.conformal_rank import conformal_quantile
from segqc_conformal.calibrators.interval_certificate import IntervalCertificate
from segqc_conformal.calibrators.interval_promise import without_interval
from segqc_conformal.calibrators.nonconformity import (
    check_side,
    checked_scale,
    checked_values,
    residual,
)
from segqc_conformal.calibrators.slice_quantile import (
    largest_of_each_patient,
    random_slice_quantile,
)
from segqc_conformal.errors import InputError

__all__ = ["SliceCertificate", "SliceInterval"]

HOLDS_FOR = ("every slice", "a random slice")


@dataclass(frozen=True)
class SliceCertificate:
    """A calibrated interval for slices: what `SliceInterval.calibrate` returns.

    Parameters
    ----------
    holds_for : {"every slice", "a random slice"}
        Whether all slices of a new patient are covered at once, or one drawn at random.
    slices : int
        Calibration slices; they count through their patients only.
    by_patient : IntervalCertificate
        The numbers.
    """

    holds_for: str
    slices: int
    by_patient: IntervalCertificate

    def interval(
        self, predicted: ArrayLike, scale: ArrayLike | None = None
    ) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Return the intervals of new slices.

        Parameters
        ----------
        predicted : array_like of float, shape (slices,)
            Predicted Dice of each slice.
        scale : array_like of float, shape (slices,), optional
            Positive scale, if the certificate was calibrated with one.

        Returns
        -------
        (low, high) : tuple of ndarray of float64, shape (slices,)
            ``0 <= low <= high <= 1``.

        Notes
        -----
        Guarantee: see `promise`.
        """
        return self.by_patient.interval(predicted, scale)

    def accept(
        self, predicted: ArrayLike, dice_threshold: float, scale: ArrayLike | None = None
    ) -> NDArray[np.bool_]:
        """Return which slices are accepted: those whose interval lies above the threshold.

        Notes
        -----
        Guarantee: where the interval holds for every slice, P(a new patient has any accepted
        slice with Dice <= dice_threshold) <= alpha (with `confidence`: given the calibration). Not
        promised: the share of bad slices among the accepted ones.

        Raises
        ------
        InputError
            If the certificate holds for a random slice only.
        """
        if self.holds_for != "every slice":
            raise InputError(
                'a certificate for "every slice"',
                f'one for "{self.holds_for}"',
                'calibrate with holds_for="every slice", or certify an AcceptThreshold on '
                "one_slice_of_each_patient",
            )
        return np.asarray(self.interval(predicted, scale)[0] > dice_threshold)

    @property
    def promise(self) -> str:
        """What holds, in words for a person."""
        numbers = self.by_patient
        share = percent(1 - numbers.miscoverage)
        data = f"{numbers.patients} calibration patients ({self.slices} slices)"
        if numbers.quantile is None:
            return (
                f"{without_interval(numbers)} at {share} ({self.slices} slices): every interval is "
                "[0, 1], which always holds and says nothing."
            )
        who = "true Dice of every slice is" if self.holds_for == "every slice" else "true Dice is"
        what = {
            "two-sided": "inside its interval",
            "lower": "at least the lower end",
            "upper": "at most the upper end",
        }[numbers.side]
        if numbers.confidence is not None:
            return (
                f"With {percent(numbers.confidence)} confidence in this calibration on {data}, for "
                f"at least {share} of new patients of the same population the {who} {what}."
            )
        drawn = "" if self.holds_for == "every slice" else "a slice drawn at random from "
        return (
            f"For {drawn}a new patient exchangeable with the {data}, the {who} {what} with "
            f"probability at least {share}, averaged over calibrations."
        )

    def to_json(self) -> str:
        """Return the certificate as JSON."""
        return json.dumps(asdict(self), sort_keys=True, allow_nan=False)

    @classmethod
    def from_json(cls, text: str) -> SliceCertificate:
        """Read a certificate written by `to_json`."""
        fields = json.loads(text)
        numbers = IntervalCertificate.from_dict(fields["by_patient"])
        return cls(fields["holds_for"], fields["slices"], numbers)


@dataclass(frozen=True)
class SliceInterval:
    """Settings of a split-conformal interval on the Dice of slices.

    Parameters
    ----------
    miscoverage : float, default 0.1
        alpha in (0, 1).
    holds_for : {"every slice", "a random slice"}, default "every slice"
        All slices of a new patient at once, or one drawn at random (narrower).
    side : {"two-sided", "lower", "upper"}
        Both ends, or one end only.
    confidence : float, optional
        1 - delta in (0, 1) for a PAC interval, "every slice" only; None for a marginal one.

    Notes
    -----
    Guarantee: "every slice": the largest nonconformity of each patient is calibrated, so P(all
    slices of a new patient are covered) >= 1 - alpha, for exchangeable patients with any number
    of dependent slices; PAC: with probability >= 1 - delta over the calibration draw, for
    independent, identically distributed patients. "a random slice": `random_slice_quantile`. Not
    promised: coverage of the pooled slices of few patients, or of one position in the body.
    Source: split conformal on a patient-level maximum; Lee, Barber and Willett (arXiv 2306.06342).

    Examples
    --------
    >>> patients = np.repeat(np.arange(9), 2)
    >>> certificate = SliceInterval().calibrate(np.full(18, 0.9), np.linspace(0.7, 0.87, 18),
    ...                                         patients)
    >>> low, high = certificate.interval([0.9])
    >>> certificate.by_patient.patients, round(float(low[0]), 2)
    (9, 0.7)
    """

    miscoverage: float = 0.1
    holds_for: str = "every slice"
    side: str = "two-sided"
    confidence: float | None = None

    def __post_init__(self) -> None:
        """Check the settings."""
        check_open_unit(miscoverage=self.miscoverage, confidence=self.confidence)
        check_side(self.side)
        if self.holds_for not in HOLDS_FOR:
            raise InputError(f"holds_for one of {HOLDS_FOR}", repr(self.holds_for), "choose one")
        if self.confidence is not None and self.holds_for != "every slice":
            raise InputError(
                'confidence with holds_for="every slice" only (no theorem for the other)',
                f"confidence {self.confidence:g}",
                'use confidence=None, or a DiceInterval on "one_slice_of_each_patient"',
            )

    def calibrate(
        self,
        predicted: ArrayLike,
        dice: ArrayLike,
        patients: ArrayLike,
        scale: ArrayLike | None = None,
    ) -> SliceCertificate:
        """Calibrate on labelled slices that fitted nothing.

        Parameters
        ----------
        predicted : array_like of float, shape (slices,)
            Predicted Dice of each calibration slice.
        dice : array_like of float, shape (slices,)
            True Dice in [0, 1].
        patients : array_like, shape (slices,)
            Patient of each slice. All slices of all patients, as they will come.
        scale : array_like of float, shape (slices,), optional
            Positive scale of the error; None for constant width.

        Returns
        -------
        SliceCertificate

        Raises
        ------
        InputError
            For NaN, infinite or out-of-range values and unequal lengths. Too few patients do not
            raise: the certificate then gives [0, 1].
        """
        dice = checked_values("dice", dice, low=0.0, high=1.0)
        predicted = checked_values("predicted Dice", predicted, like=dice)
        nonconformity = residual(predicted, dice, self.side, checked_scale(scale, predicted))
        ids = np.asarray(patients)
        if ids.shape != dice.shape:
            raise InputError(f"patients of shape {dice.shape}", ids.shape, "one id per slice")
        first_row_of_each_patient(ids, ids.size)  # refuses missing ids
        names, numbered = np.unique(ids, return_inverse=True)
        if self.holds_for == "every slice":
            largest = largest_of_each_patient(nonconformity, numbered)
            quantile = conformal_quantile(largest, self.miscoverage, self.confidence)
        else:
            quantile = random_slice_quantile(nonconformity, numbered, self.miscoverage)
        numbers = IntervalCertificate(
            miscoverage=self.miscoverage,
            side=self.side,
            confidence=self.confidence,
            patients=names.size,
            quantile=quantile,
            scaled=scale is not None,
        )
        return SliceCertificate(self.holds_for, dice.size, numbers)
