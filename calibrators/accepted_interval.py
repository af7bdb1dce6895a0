"""Intervals that hold for accepted cases, whichever threshold of the grid was certified."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from fractions import Fraction
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from segqc_conformal.calibrators.checks import (
    check_open_unit,
    delta_of,
    finite_array,
    first_row_of_each_patient,
    percent,
)
from segqc_conformal.calibrators.conformal_rank import conformal_quantile
from segqc_conformal.calibrators.interval_certificate import IntervalCertificate
from segqc_conformal.calibrators.interval_promise import claim_in_words
from segqc_conformal.calibrators.nonconformity import (
    check_side,
    checked_scale,
    checked_values,
    residual,
)
from segqc_conformal.errors import InputError

__all__ = ["AcceptedInterval", "AcceptedIntervalCertificate"]


@dataclass(frozen=True)
class AcceptedIntervalCertificate:
    """Intervals for accepted cases: what `AcceptedInterval.calibrate` returns.

    Parameters
    ----------
    miscoverage, confidence : float
        alpha, and 1 - delta for all thresholds together.
    side : {"two-sided", "lower", "upper"}
    patients : int
        Calibration patients counted.
    thresholds : tuple of float
        The grid, each threshold once, in its order.
    accepted : tuple of int
        Calibration patients that each threshold accepts.
    quantiles : tuple of float or None
        Calibrated nonconformity among them; None: too few, every interval is [0, 1].
    scaled : bool
        Whether a scale is needed.

    Notes
    -----
    Guarantee: see `promise`; what it assumes stands in `AcceptedInterval`.
    """

    miscoverage: float
    confidence: float
    side: str
    patients: int
    thresholds: tuple[float, ...]
    accepted: tuple[int, ...]
    quantiles: tuple[float | None, ...]
    scaled: bool

    def interval(
        self, threshold: float, predicted: ArrayLike, scale: ArrayLike | None = None
    ) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Return the intervals of new cases that `threshold` accepted.

        Parameters
        ----------
        threshold : float
            The certified accept threshold; one of the grid.
        predicted : array_like of float, shape (cases,)
            Predicted Dice of accepted cases.
        scale : array_like of float, shape (cases,), optional
            Positive scale, if the certificate was calibrated with one.

        Returns
        -------
        (low, high) : tuple of ndarray of float64, shape (cases,)

        Raises
        ------
        InputError
            For a threshold outside the grid: no quantile was calibrated for it.

        Notes
        -----
        Guarantee: see `promise`; for referred cases there is none.
        """
        if threshold not in self.thresholds:
            raise InputError(
                "a threshold of the calibrated grid", threshold, "certify on that grid"
            )
        at = self.thresholds.index(threshold)
        return IntervalCertificate(
            self.miscoverage,
            self.side,
            self.confidence,
            self.accepted[at],
            self.quantiles[at],
            scaled=self.scaled,
        ).interval(predicted, scale)

    @property
    def promise(self) -> str:
        """What holds, in words for a person."""
        what, share = claim_in_words(self.side, "Dice"), percent(1 - self.miscoverage)
        if all(quantile is None for quantile in self.quantiles):
            return (
                f"Too few accepted calibration patients for an interval at {share} that holds for "
                f"all {len(self.thresholds)} thresholds: every interval is [0, 1], which always "
                "holds and says nothing."
            )
        return (
            f"With {percent(self.confidence)} confidence in this calibration of {self.patients} "
            f"patients, whichever of its {len(self.thresholds)} thresholds is used to accept, the "
            f"{what} for at least {share} of new accepted patients of the same population. Nothing "
            f"is promised about referred ones.{self._without_interval}"
        )

    @property
    def _without_interval(self) -> str:
        pairs = zip(self.thresholds, self.quantiles, strict=True)
        none = [f"{threshold:g}" for threshold, quantile in pairs if quantile is None]
        if not none:
            return ""
        return (
            " Too few calibration patients are accepted at the thresholds "
            f"{', '.join(none)}: every interval there is [0, 1], which always holds and says "
            "nothing."
        )

    def to_json(self) -> str:
        """Return the certificate as JSON."""
        return json.dumps(asdict(self), sort_keys=True, allow_nan=False)

    @classmethod
    def from_json(cls, text: str) -> AcceptedIntervalCertificate:
        """Read a certificate written by `to_json`."""
        return cls.from_dict(json.loads(text))

    @classmethod
    def from_dict(cls, fields: Mapping[str, Any]) -> AcceptedIntervalCertificate:
        """Read the parsed JSON of a certificate."""
        lists = {name: tuple(fields[name]) for name in ("thresholds", "accepted", "quantiles")}
        return cls(**{**fields, **lists})


@dataclass(frozen=True)
class AcceptedInterval:
    """Settings of intervals on Dice for accepted cases.

    Parameters
    ----------
    miscoverage : float, default 0.1
        alpha in (0, 1), among accepted patients.
    confidence : float, default 0.9
        1 - delta in (0, 1); each threshold of the grid spends delta / number of thresholds.
    side : {"two-sided", "lower", "upper"}
        Both ends, or one end only.

    Notes
    -----
    Guarantee: with probability >= 1 - delta over the calibration draw, P(dice in [low, high]
    given accepted at t) >= 1 - alpha for every threshold t of the grid at once; so also for one
    chosen on the same labels, as `AcceptThreshold` does. Assumes independent, identically
    distributed patients, and a grid made without calibration labels or scores. Not promised:
    referred cases, groups, or that delta is shared with the accept promise: each spends its own.
    Source: PAC quantile (Vovk, ACML 2012, Prop. 2a) among the accepted patients, who are
    independent draws of the accepted population whatever their number; union bound over the grid.

    Examples
    --------
    >>> score, dice = np.arange(100) / 100, np.linspace(0.5, 1, 100)
    >>> certificate = AcceptedInterval().calibrate(score, np.ones(100), dice, [0.4, 0.0])
    >>> certificate.accepted, np.round(certificate.quantiles, 2).tolist()
    ((60, 100), [0.29, 0.48])
    """

    miscoverage: float = 0.1
    confidence: float = 0.9
    side: str = "two-sided"

    def __post_init__(self) -> None:
        """Check the settings."""
        check_open_unit(miscoverage=self.miscoverage, confidence=self.confidence)
        check_side(self.side)

    def calibrate(
        self,
        accept_score: ArrayLike,
        predicted: ArrayLike,
        dice: ArrayLike,
        grid: ArrayLike,
        scale: ArrayLike | None = None,
        patients: ArrayLike | None = None,
    ) -> AcceptedIntervalCertificate:
        """Calibrate one quantile per threshold, on the calibration patients it accepts.

        Parameters
        ----------
        accept_score : array_like of float, shape (cases,)
            As for `AcceptThreshold`; -inf is never accepted.
        predicted, dice : array_like of float, shape (cases,)
            Predicted Dice, and true Dice in [0, 1].
        grid : array_like of float, shape (thresholds,)
            The grid of the accept threshold; repeated thresholds count once.
        scale : array_like of float, shape (cases,), optional
            Positive scale of the error.
        patients : array_like, shape (cases,), optional
            Patient of each case; the first row of each patient counts. None: every row is its own
            patient.

        Returns
        -------
        AcceptedIntervalCertificate

        Raises
        ------
        InputError
            For NaN, infinite or out-of-range values and unequal lengths.
        """
        dice = checked_values("dice", dice, low=0.0, high=1.0)
        predicted = checked_values("predicted Dice", predicted, like=dice)
        scores = finite_array("accept score", accept_score, like=dice)
        thresholds = tuple(dict.fromkeys(checked_values("grid", grid).tolist()))
        rows = first_row_of_each_patient(patients, dice.size)
        nonconformity = residual(predicted, dice, self.side, checked_scale(scale, predicted))
        nonconformity, scores = nonconformity[rows], scores[rows]
        each = float(1 - Fraction(str(delta_of(self.confidence))) / max(len(thresholds), 1))
        chosen = [nonconformity[scores >= threshold] for threshold in thresholds]
        return AcceptedIntervalCertificate(
            miscoverage=self.miscoverage,
            confidence=self.confidence,
            side=self.side,
            patients=int(rows.size),
            thresholds=thresholds,
            accepted=tuple(part.size for part in chosen),
            quantiles=tuple(conformal_quantile(part, self.miscoverage, each) for part in chosen),
            scaled=scale is not None,
        )
