"""The bad calibration patients: all that a batch selection or a release rule needs to keep."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from segqc_conformal.calibrators.checks import LARGEST, positive_weights
from segqc_conformal.calibrators.labelled_scores import LabelledScores
from segqc_conformal.errors import InputError

__all__ = ["BadCases", "at_most_largest", "bad_cases"]

POPULATIONS = {
    None: "of the same population",
    "known": "of the population that the weights describe",
    "estimated": "of the population that the estimated weights describe, approximately",
}


@dataclass(frozen=True)
class BadCases:
    """Accept scores of the bad calibration patients.

    Parameters
    ----------
    patients : int
        Calibration patients counted, good ones included.
    scores : tuple of float
        Of the bad ones with a predicted structure, highest first: an empty prediction is never
        accepted, so its score of -inf decides nothing.
    weights : tuple of float or None
        Of the same; None: unweighted.
    total_weight : float or None
        Of all calibration patients.
    weights_are : {"known", "estimated"} or None

    Notes
    -----
    Guarantee: none by itself.
    """

    patients: int
    scores: tuple[float, ...]
    weights: tuple[float, ...] | None = None
    total_weight: float | None = None
    weights_are: str | None = None

    @property
    def population(self) -> str:
        """The population that a promise is about, in words."""
        return POPULATIONS[self.weights_are]

    def checked_weights(
        self, weights: ArrayLike | None, scores: NDArray[np.float64]
    ) -> NDArray[np.float64] | None:
        """Return the weights of new cases, given if and only if calibration had weights.

        Raises
        ------
        InputError
            If they are missing, not wanted, not positive or of another length.
        """
        if (weights is None) != (self.weights is None):
            raise InputError(
                "weights of new cases if and only if calibration had weights",
                "none" if weights is None else "weights",
                "give both or neither",
            )
        return None if weights is None else positive_weights(weights, scores)

    def who_is_always_referred(self, level: float) -> str | None:
        """Say who cannot be accepted at `level`, whatever the scores; None: nobody.

        A new case counts itself as bad, and so needs ``1 <= level (patients + 1)``, or a weight
        of at most ``level`` of all weight with its own.
        """
        if self.weights is None:
            needed = math.ceil(1 / Fraction(str(float(level)))) - 1
            if self.patients >= needed:
                return None
            return (
                f"Nobody can be accepted, so every case is referred: at least {needed} calibration "
                f"patients are needed, here {self.patients} calibrate."
            )
        largest = level * float(self.total_weight or 0.0) / (1.0 - level)
        if largest == 0.0:
            return "Nobody can be accepted without calibration patients: every case is referred."
        return f"A case of weight above {largest:.4g} is always referred."

    @classmethod
    def from_dict(cls, fields: Mapping[str, Any]) -> BadCases:
        """Read the parsed JSON."""
        weights = fields["weights"]
        lists = {
            "scores": tuple(fields["scores"]),
            "weights": None if weights is None else tuple(weights),
        }
        return cls(**{**fields, **lists})


def bad_cases(sample: LabelledScores, weights_are: str | None) -> BadCases:
    """Keep the bad ones of one case per patient.

    Parameters
    ----------
    sample : LabelledScores
        One row per patient.
    weights_are : {"known", "estimated"} or None
        Where the weights come from; None without weights.

    Raises
    ------
    InputError
        For weights of unsaid origin, or an origin without weights.

    Notes
    -----
    Guarantee: none by itself.

    Examples
    --------
    >>> sample = LabelledScores(np.array([1., 2., 3.]), np.array([True, False, True]),
    ...                         np.arange(3), None)
    >>> bad_cases(sample, None).scores
    (3.0, 1.0)
    """
    if weights_are not in POPULATIONS or (sample.weights is None) != (weights_are is None):
        raise InputError(
            'weights with weights_are="known" or "estimated", or neither',
            weights_are,
            "say where the weights come from",
        )
    bad = np.flatnonzero(sample.bad & (sample.scores > -np.inf))
    order = bad[np.argsort(-sample.scores[bad], kind="stable")]
    scores = tuple(at_most_largest(sample.scores[order]).tolist())
    if sample.weights is None:
        return BadCases(sample.patient_count, scores)
    weights, total = tuple(sample.weights[order].tolist()), float(sample.weights.sum())
    return BadCases(sample.patient_count, scores, weights, total, weights_are)


def at_most_largest(scores: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return scores with the largest finite number in place of +inf, which JSON cannot hold.

    Examples
    --------
    >>> at_most_largest(np.array([0.5, np.inf])).tolist()
    [0.5, 1.7976931348623157e+308]
    """
    return np.minimum(scores, LARGEST)
