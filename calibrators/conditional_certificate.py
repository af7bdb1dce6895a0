"""A calibrated conditional interval: errors and conditions of patients, and what they promise."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from segqc_conformal.calibrators.checks import percent
from segqc_conformal.calibrators.conditional_cutoff import conditional_cutoffs
from segqc_conformal.calibrators.interval_promise import claim_in_words
from segqc_conformal.calibrators.nonconformity import (
    checked_scale,
    checked_values,
    scale_must_match,
)
from segqc_conformal.calibrators.support import bounded_ends, support_in_words
from segqc_conformal.errors import InputError, on_one_line

__all__ = ["ConditionalIntervalCertificate", "checked_conditions"]

MARKED = "mark groups with columns of 0 and 1"


@dataclass(frozen=True)
class ConditionalIntervalCertificate:
    """A conditional interval: what `ConditionalInterval.calibrate` returns.

    Parameters
    ----------
    miscoverage : float
        alpha, allowed probability that the interval misses.
    side : {"two-sided", "lower", "upper"}
    nonconformity : tuple of float
        Of each calibration patient, in units of the scale.
    conditions : tuple of tuple of float
        Of each calibration patient.
    scaled : bool
        Whether a scale is needed.
    support_low, support_high : float or None
        Smallest and largest possible value; None: unbounded on that side.
    measure : str
        What the interval is about, in words.

    Notes
    -----
    Guarantee: see `promise`; what it assumes stands in `ConditionalInterval`.
    """

    miscoverage: float
    side: str
    nonconformity: tuple[float, ...]
    conditions: tuple[tuple[float, ...], ...]
    scaled: bool
    support_low: float | None = 0.0
    support_high: float | None = 1.0
    measure: str = "Dice"

    @property
    def support(self) -> tuple[float, float]:
        """Smallest and largest possible value, infinite where unbounded."""
        low, high = self.support_low, self.support_high
        return -np.inf if low is None else low, np.inf if high is None else high

    @cached_property
    def _calibration(self) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        return np.asarray(self.nonconformity, np.float64), np.asarray(self.conditions, np.float64)

    def interval(
        self, predicted: ArrayLike, conditions: ArrayLike, scale: ArrayLike | None = None
    ) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Return the intervals of new cases.

        Parameters
        ----------
        predicted : array_like of float, shape (cases,)
            Predicted Dice.
        conditions : array_like of float, shape (cases, k)
            The columns of the calibration.
        scale : array_like of float, shape (cases,), optional
            Positive scale, if the certificate was calibrated with one.

        Returns
        -------
        (low, high) : tuple of ndarray of float64, shape (cases,)
            Ordered, and inside the support; the whole support where the calibration patients are
            too few for the conditions of a case, as in a group that was not seen.

        Raises
        ------
        InputError
            For NaN, infinite values, wrong shapes, and a scale that does not fit the calibration.

        Notes
        -----
        A linear programme for each different row of conditions: milliseconds.
        Guarantee: see `promise`.
        """
        predicted = checked_values(f"predicted {self.measure}", predicted)
        nonconformity, known = self._calibration
        columns = known.shape[1] if known.size else None
        new = checked_conditions(conditions, predicted.size, columns)
        scale_must_match(self.scaled, scale)
        size = checked_scale(scale, predicted)
        cutoffs = conditional_cutoffs(nonconformity, known, new, self.miscoverage)
        if self.side == "two-sided":  # a negative one refuses every value: leave the prediction
            cutoffs = np.maximum(cutoffs, 0.0)
        low, high = bounded_ends(predicted, predicted, cutoffs, size, self.support)
        if self.side == "lower":
            high.fill(self.support[1])
        if self.side == "upper":
            low.fill(self.support[0])
        return low, high

    @property
    def promise(self) -> str:
        """What holds, in words for a person."""
        whole = support_in_words(*self.support)
        return (
            f"For a new patient exchangeable with the {len(self.nonconformity)} calibration "
            f"patients the {claim_in_words(self.side, self.measure)} with probability at least "
            f"{percent(1 - self.miscoverage)}: over all patients, within every group that a column "
            "of 0 and 1 of the conditions marks, and over patients reweighted by any non-negative "
            "linear function of the conditions; averaged over calibrations and over accepted and "
            "referred cases alike. Nothing more is promised at one value of a condition. Where "
            f"the conditions leave too few patients the interval is {whole}, which always holds "
            "and says nothing."
        )

    def to_json(self) -> str:
        """Return the certificate as JSON."""
        return json.dumps(asdict(self), sort_keys=True, allow_nan=False)

    @classmethod
    def from_json(cls, text: str) -> ConditionalIntervalCertificate:
        """Read a certificate written by `to_json`."""
        return cls.from_dict(json.loads(text))

    @classmethod
    def from_dict(cls, fields: Mapping[str, Any]) -> ConditionalIntervalCertificate:
        """Read the parsed JSON of a certificate."""
        parts = {
            "nonconformity": tuple(fields["nonconformity"]),
            "conditions": tuple(tuple(row) for row in fields["conditions"]),
        }
        return cls(**{**fields, **parts})


def checked_conditions(
    conditions: ArrayLike, cases: int, columns: int | None = None
) -> NDArray[np.float64]:
    """Return conditions as float64, refused unless 2-D and finite, with a row per case.

    Examples
    --------
    >>> checked_conditions([[1, 0.5]], cases=1).tolist()
    [[1.0, 0.5]]
    """
    try:
        array = np.asarray(conditions, dtype=np.float64)
    except (TypeError, ValueError) as error:
        raise InputError("conditions of numbers", on_one_line(error), MARKED) from error
    fits = array.ndim == 2 and len(array) == cases and array.shape[1] > 0
    if not fits or columns not in (None, array.shape[1]):
        wanted = f"({cases}, {'k' if columns is None else columns})"
        raise InputError(
            f"conditions of shape {wanted}",
            f"shape {array.shape}",
            "pass one row per case, with the columns of the calibration",
        )
    wrong = np.flatnonzero(~np.isfinite(array).all(axis=1))
    if wrong.size:
        row = int(wrong[0])
        raise InputError(
            "finite conditions",
            f"{array[row].tolist()} in row {row}",
            f"drop or repair the case; {MARKED}",
        )
    return array
