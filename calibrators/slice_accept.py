"""Accepting slices: a certified threshold with the patient as the unit."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from segqc_conformal.calibrators.accept_certificate import ThresholdTest
from segqc_conformal.calibrators.checks import (
    check_open_unit,
    delta_of,
    finite_array,
    percent,
)
from segqc_conformal.calibrators.fixed_sequence import sequence_levels
from segqc_conformal.calibrators.labelled_scores import LabelledScores, labelled_scores
from segqc_conformal.calibrators.p_values import binomial_p_value
from segqc_conformal.calibrators.slice_quantile import largest_of_each_patient

__all__ = ["SliceAcceptCertificate", "SliceAcceptThreshold"]


@dataclass(frozen=True)
class SliceAcceptCertificate:
    """A calibrated threshold for slices: what `SliceAcceptThreshold.calibrate` returns.

    Parameters
    ----------
    dice_threshold, tolerated_error, confidence : float
        A slice is bad if its Dice is <= `dice_threshold`; alpha and 1 - delta of the promise.
    patients, slices : int
        Calibration patients and their slices.
    tests : tuple of ThresholdTest
        The thresholds tested, the first failure included; `accepted` counts patients with an
        accepted slice, `bad` those with an accepted bad slice.
    threshold : float or None
        Accept a slice where its accept score is >= this; None: nothing can be certified.
    """

    dice_threshold: float
    tolerated_error: float
    confidence: float
    patients: int
    slices: int
    tests: tuple[ThresholdTest, ...]
    threshold: float | None

    def accept(self, accept_score: ArrayLike) -> NDArray[np.bool_]:
        """Return which slices are accepted; none where `threshold` is None.

        Notes
        -----
        Guarantee: see `promise`.
        """
        scores = finite_array("accept score", accept_score)
        if self.threshold is None:
            return np.zeros(scores.shape, dtype=bool)
        return np.asarray(scores >= self.threshold)

    @property
    def promise(self) -> str:
        """What holds, in words for a person."""
        claim = (
            f"among patients with any accepted slice, at most {percent(self.tolerated_error)} have "
            f"an accepted slice with Dice <= {self.dice_threshold:g}"
        )
        data = f"{self.patients} calibration patients ({self.slices} slices)"
        if self.threshold is None:
            return f"Cannot certify that {claim} from {data}, so every slice is referred."
        return (
            f"With {percent(self.confidence)} confidence in this calibration of {data}, {claim}, "
            "for new patients of the same population."
        )

    def to_json(self) -> str:
        """Return the certificate as JSON."""
        return json.dumps(asdict(self), sort_keys=True, allow_nan=False)

    @classmethod
    def from_json(cls, text: str) -> SliceAcceptCertificate:
        """Read a certificate written by `to_json`."""
        fields: Mapping[str, Any] = json.loads(text)
        return cls(**{**fields, "tests": tuple(ThresholdTest(**step) for step in fields["tests"])})


@dataclass(frozen=True)
class SliceAcceptThreshold:
    """Settings of a certified threshold on the accept scores of slices.

    Parameters
    ----------
    dice_threshold : float, default 0.8
        A slice is bad if its Dice is <= this.
    tolerated_error : float, default 0.1
        alpha in (0, 1): allowed share of patients with an accepted bad slice, among those with
        any accepted slice.
    confidence : float, default 0.9
        1 - delta in (0, 1), over the calibration draw.

    Notes
    -----
    Guarantee: with probability >= 1 - delta over the calibration draw, P(a new patient has an
    accepted bad slice, given that one of its slices is accepted) <= alpha, or nothing is
    accepted. Assumes independent, identically distributed patients, each with all its slices, and
    a grid made without calibration labels or scores. For the share of bad slices within patients,
    use `AcceptThreshold` with ``cases="mean"``.
    Source: as `AcceptThreshold`; given how many patients have an accepted slice, those with a bad
    one among them are binomial.

    Examples
    --------
    >>> patients = np.repeat(np.arange(30), 2)
    >>> score = np.tile([0.9, 0.2], 30)
    >>> certificate = SliceAcceptThreshold().calibrate(score, score, [0.8, 0.1], patients)
    >>> certificate.threshold, [(test.accepted, test.bad) for test in certificate.tests]
    (0.8, [(30, 0), (30, 30)])
    """

    dice_threshold: float = 0.8
    tolerated_error: float = 0.1
    confidence: float = 0.9

    def __post_init__(self) -> None:
        """Check the settings."""
        check_open_unit(
            dice_threshold=self.dice_threshold,
            tolerated_error=self.tolerated_error,
            confidence=self.confidence,
        )

    def calibrate(
        self, accept_score: ArrayLike, dice: ArrayLike, grid: ArrayLike, patients: ArrayLike
    ) -> SliceAcceptCertificate:
        """Test the thresholds of `grid` in order until one fails.

        Parameters
        ----------
        accept_score : array_like of float, shape (slices,)
            Higher is better; -inf for an empty prediction.
        dice : array_like of float, shape (slices,)
            True Dice in [0, 1].
        grid : array_like of float, shape (thresholds,)
            Finite thresholds in test order, made without calibration labels or scores.
        patients : array_like, shape (slices,)
            Patient of each slice.

        Returns
        -------
        SliceAcceptCertificate

        Raises
        ------
        InputError
            For NaN or out-of-range values and unequal lengths. "Nothing can be certified" is a
            result, not an error.
        """
        sample = labelled_scores(accept_score, dice, self.dice_threshold, patients)
        largest = float(np.finfo(np.float64).max)
        thresholds = finite_array("grid", grid, low=-largest, high=largest)
        tests = self._tests(sample, thresholds)
        delta = delta_of(self.confidence)
        levels = sequence_levels(np.array([test.p_value for test in tests]), delta)
        steps = list(zip(tests, levels, strict=True))
        passed = [t.threshold for t, level in steps if level > 0 and t.p_value <= level]
        return SliceAcceptCertificate(
            dice_threshold=self.dice_threshold,
            tolerated_error=self.tolerated_error,
            confidence=self.confidence,
            patients=sample.patient_count,
            slices=sample.scores.size,
            tests=tuple(t for t, level in zip(tests, levels, strict=True) if level > 0),
            threshold=min(passed, default=None),
        )

    def _tests(self, sample: LabelledScores, grid: NDArray[np.float64]) -> list[ThresholdTest]:
        # a patient has an accepted slice while its best is accepted, a bad one while its best bad
        best = largest_of_each_patient(sample.scores, sample.patients)
        best_bad = largest_of_each_patient(
            np.where(sample.bad, sample.scores, -np.inf), sample.patients
        )
        accepted = (best >= grid[:, None]).sum(axis=1)
        bad = (best_bad >= grid[:, None]).sum(axis=1)
        p_values = binomial_p_value(bad, accepted, self.tolerated_error)
        steps = zip(grid, accepted, bad, p_values, strict=True)
        return [ThresholdTest(float(t), int(n), int(k), float(p)) for t, n, k, p in steps]
