"""The accept decision: which cases may pass without a human, with a bounded error."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.stats import binom

from segqc_conformal.calibrators.checks import (
    check_open_unit,
    delta_of,
    finite_array,
    first_row_of_each_patient,
    percent,
)
from segqc_conformal.calibrators.planning import (
    accepted_and_bad,
    calibration_size,
    smallest_calibration_size,
)

__all__ = ["AcceptCertificate", "AcceptThreshold", "ThresholdTest"]

FEW_PATIENTS = 40  # so few cannot rule out a certificate


@dataclass(frozen=True)
class ThresholdTest:
    """One step of the fixed sequence: a threshold, what it accepted, and its p-value."""

    threshold: float
    accepted: int
    bad: int
    p_value: float


@dataclass(frozen=True)
class AcceptCertificate:
    """A calibrated accept threshold: what `AcceptThreshold.calibrate` returns.

    Parameters
    ----------
    dice_threshold, tolerated_error, confidence : float
        A case is bad if its Dice is <= `dice_threshold`; alpha and 1 - delta of the promise.
    patients : int
        Calibration patients counted.
    tests : tuple of ThresholdTest
        The steps taken, in order, the first failure included.
    not_reached : tuple of ThresholdTest
        The thresholds after the first failure: descriptive, they decided nothing.
    threshold : float or None
        Accept where the accept score is >= this; None: nothing can be certified.
    stricter : tuple of ThresholdTest
        Where nothing is certified, thresholds stricter than the start: descriptive as well. A
        larger calibration would start there.
    """

    dice_threshold: float
    tolerated_error: float
    confidence: float
    patients: int
    tests: tuple[ThresholdTest, ...]
    not_reached: tuple[ThresholdTest, ...]
    threshold: float | None
    stricter: tuple[ThresholdTest, ...] = ()

    @cached_property
    def patients_needed(self) -> int | None:
        """Fresh calibration patients for an 80 % chance of a certificate, as `segqc plan` has it.

        0 if certified; else at the accepted share and error seen at the most promising threshold,
        with half a bad patient more than seen (zero observed errors are not zero errors) or, where
        fewer than 40 patients leave that hopeless, with no more than seen; without calibration
        patients the fewest that can ever do; None if no number would do.
        """
        if self.threshold is not None:
            return 0
        if self.patients == 0:
            return calibration_size(1.0, 0.0, self.tolerated_error, self.confidence)
        steps = (*self.stricter, *self.tests, *self.not_reached)
        seen = [step for step in steps if step.accepted]
        needed = self._needed(seen, bad_more=0.5)
        if needed is None and self.patients < FEW_PATIENTS:
            return self._needed(seen, bad_more=0.0)
        return needed

    def _needed(self, seen: list[ThresholdTest], bad_more: float) -> int | None:
        return smallest_calibration_size(
            [
                (s.accepted / self.patients, (s.bad + bad_more) / (s.accepted + 2.0 * bad_more))
                for s in seen
            ],
            self.tolerated_error,
            self.confidence,
        )

    def accept(self, accept_score: ArrayLike) -> NDArray[np.bool_]:
        """Return which cases are accepted.

        Parameters
        ----------
        accept_score : array_like of float, shape (cases,)
            Accept scores; -inf for an empty prediction.

        Returns
        -------
        ndarray of bool, shape (cases,)
            All False where `threshold` is None.

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
        """What holds, in one sentence for a person."""
        claim = (
            f"at most {percent(self.tolerated_error)} of accepted patients have Dice <= "
            f"{self.dice_threshold:g}"
        )
        if self.threshold is None:
            return (
                f"Cannot certify that {claim} from {self.patients} calibration patients, so every "
                f"case is referred; {self._outlook}."
            )
        return (
            f"With {percent(self.confidence)} confidence in this calibration of {self.patients} "
            f"patients, {claim}, among new patients of the same population. A single batch may "
            "hold more."
        )

    @property
    def _outlook(self) -> str:
        if self.patients_needed is None:
            return "more patients alone are not expected to change that"
        if self.patients == 0:
            return f"at least {self.patients_needed} calibration patients are needed"
        return (
            f"about {self.patients_needed} fresh calibration patients give an 80 % chance, if "
            "errors stay as seen here"
        )

    def to_json(self) -> str:
        """Return the certificate as JSON."""
        return json.dumps(asdict(self), sort_keys=True)

    @classmethod
    def from_json(cls, text: str) -> AcceptCertificate:
        """Read a certificate written by `to_json`."""
        return cls.from_dict(json.loads(text))

    @classmethod
    def from_dict(cls, fields: dict[str, Any]) -> AcceptCertificate:
        """Read the parsed JSON of a certificate."""
        steps = {
            name: tuple(ThresholdTest(**step) for step in fields[name])
            for name in ("tests", "not_reached", "stricter")
        }
        return cls(**{**fields, **steps})


@dataclass(frozen=True)
class AcceptThreshold:
    """Settings of a certified accept threshold (exact binomial tests in a fixed sequence).

    Parameters
    ----------
    dice_threshold : float, default 0.8
        A case is bad if its Dice is <= this.
    tolerated_error : float, default 0.1
        alpha in (0, 1): allowed share of bad cases among the accepted.
    confidence : float, default 0.9
        1 - delta in (0, 1), over the calibration draw.

    Notes
    -----
    Guarantee: with probability >= 1 - delta over the calibration draw, P(dice <= dice_threshold
    given accepted) <= alpha, or nothing is accepted. Assumes independent, identically
    distributed patients, one look, and a grid made without calibration labels or scores. Not
    promised: the share of bad cases in one batch, or any single case.
    Source: Angelopoulos et al., Learn then Test, Ann. Appl. Stat. 19 (2025), fixed sequence
    testing; the binomial test is applied to the accepted patients alone, which is exact because
    their number is ancillary to the error rate.

    Examples
    --------
    >>> score = np.linspace(0, 1, 200)
    >>> certificate = AcceptThreshold().calibrate(score, 0.75 + 0.2 * score, grid=[0.7, 0.4, 0.1])
    >>> certificate.threshold, [test.bad for test in certificate.tests]
    (0.4, [0, 0, 30])
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
        self,
        accept_score: ArrayLike,
        dice: ArrayLike,
        grid: ArrayLike,
        patients: ArrayLike | None = None,
    ) -> AcceptCertificate:
        """Test the thresholds of `grid` in order until one fails.

        Parameters
        ----------
        accept_score : array_like of float, shape (cases,)
            Higher is better; -inf for an empty prediction.
        dice : array_like of float, shape (cases,)
            True Dice in [0, 1].
        grid : array_like of float, shape (thresholds,)
            Thresholds in test order, the first is the start, made without calibration labels or
            scores (see `accept_grid`).
        patients : array_like, shape (cases,), optional
            Patient of each case; the first row of each patient counts, so sort by time. None:
            every row is its own patient.

        Returns
        -------
        AcceptCertificate

        Raises
        ------
        InputError
            For NaN or out-of-range values and unequal lengths. "Nothing can be certified" is a
            result, not an error.
        """
        dice = finite_array("dice", dice, low=0.0, high=1.0)
        scores = finite_array("accept score", accept_score, like=dice)
        grid = finite_array("grid", grid)
        rows = first_row_of_each_patient(patients, dice.size)
        scores, bad = scores[rows], dice[rows] <= self.dice_threshold
        steps = self._tests(grid, scores, bad)
        delta = delta_of(self.confidence)
        failed = [i for i, step in enumerate(steps) if step.p_value > delta]
        passed = steps[: failed[0]] if failed else steps
        stricter = [] if passed else self._tests(_stricter(grid, scores), scores, bad)
        return AcceptCertificate(
            dice_threshold=self.dice_threshold,
            tolerated_error=self.tolerated_error,
            confidence=self.confidence,
            patients=int(rows.size),
            tests=tuple(steps[: len(passed) + 1]),
            not_reached=tuple(steps[len(passed) + 1 :]),
            threshold=min((step.threshold for step in passed), default=None),
            stricter=tuple(stricter),
        )

    def _tests(
        self, grid: NDArray[np.float64], scores: NDArray[np.float64], bad: NDArray[np.bool_]
    ) -> list[ThresholdTest]:
        accepted, errors = accepted_and_bad(scores, bad, grid)
        p_values = np.where(accepted > 0, binom.cdf(errors, accepted, self.tolerated_error), 1.0)
        steps = zip(grid, accepted, errors, p_values, strict=True)
        return [ThresholdTest(float(t), int(n), int(k), float(p)) for t, n, k, p in steps]


def _stricter(grid: NDArray[np.float64], scores: NDArray[np.float64]) -> NDArray[np.float64]:
    if scores.size == 0:
        return np.empty(0)
    found = np.unique(np.quantile(scores, np.arange(1, 10) / 10.0, method="higher"))
    return np.asarray(found[np.isfinite(found) & (found > max(grid[:1], default=-np.inf))])
