"""The bad calibration patients: all that a batch selection or a release rule needs to keep."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from segqc_conformal.calibrators.checks import finite_array
from segqc_conformal.calibrators.labelled_scores import LabelledScores
from segqc_conformal.errors import InputError

__all__ = ["BadCases", "bad_cases"]

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
        Of the bad ones, highest first.
    weights : tuple of float or None
        Of the bad ones; None: unweighted.
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
            If they are missing, not wanted, negative or of another length.
        """
        if (weights is None) != (self.weights is None):
            raise InputError(
                "weights of new cases if and only if calibration had weights",
                "none" if weights is None else "weights",
                "give both or neither",
            )
        if weights is None:
            return None
        largest = float(np.finfo(np.float64).max)
        return finite_array("weights", weights, like=scores, low=0.0, high=largest)

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
    # A score of -inf lies below every other, so that it can never count against one.
    bad = np.flatnonzero(sample.bad & (sample.scores > -np.inf))
    order = bad[np.argsort(-sample.scores[bad], kind="stable")]
    scores = tuple(sample.scores[order].tolist())
    if sample.weights is None:
        return BadCases(sample.patient_count, scores)
    weights, total = tuple(sample.weights[order].tolist()), float(sample.weights.sum())
    return BadCases(sample.patient_count, scores, weights, total, weights_are)
