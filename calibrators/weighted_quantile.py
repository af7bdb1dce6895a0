"""The quantile under a known shift: calibration patients weighted towards the new population."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from segqc_conformal.calibrators.checks import delta_of
from segqc_conformal.calibrators.domain_odds import DomainOdds
from segqc_conformal.calibrators.nonconformity import checked_values
from segqc_conformal.errors import InputError

__all__ = [
    "ROUNDING",
    "WEIGHTS_ARE",
    "WeightedQuantile",
    "calibrate_weighted",
    "effective_patients",
    "score_features",
]

WEIGHTS_ARE = ("known", "estimated")
ROUNDING = 1e-12  # sums of weights that should be equal differ by less, relatively
SMALLEST_WEIGHT, LARGEST_WEIGHT = 1e-150, 1e150  # sums and squares stay finite


@dataclass(frozen=True)
class WeightedQuantile:
    """Calibration nonconformity with weights; the quantile depends on the new case's weight.

    Parameters
    ----------
    nonconformity : tuple of float or None
        Of the calibration patients, ascending; None: infinite.
    weights : tuple of float
        Of the same patients, > 0; only ratios matter.
    weights_are : {"known", "estimated"}
    effective_patients : float
        (sum of w)^2 / sum of w^2: how many equally weighted patients say as much.
    odds : DomainOdds or None
        Where the weights are a function of predicted Dice and scale (`score_features`): new cases
        then need not bring theirs.

    Notes
    -----
    Guarantee: with known weights proportional to the density ratio of new to calibration
    population, P(new nonconformity <= quantile) >= 1 - alpha, over calibration draw and new
    patient. With estimated ones approximately: if they were made from other cases than the
    calibration and new ones, the loss is at most half the mean absolute error of the weights
    scaled to mean 1; weights that depend on these cases (`domain_weights`) have no such bound.
    Assumes that only the distribution of features changed.
    Source: Tibshirani et al., Conformal prediction under covariate shift (NeurIPS 2019),
    Corollary 1; estimated: Lei and Candes, JRSS B 83 (2021), section 3.
    """

    nonconformity: tuple[float | None, ...]
    weights: tuple[float, ...]
    weights_are: str
    effective_patients: float
    odds: DomainOdds | None = None

    @cached_property
    def _cumulated(self) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        values = [np.inf if value is None else value for value in self.nonconformity]
        return np.cumsum(self.weights), np.array([*values, np.inf])

    def of(self, weights: ArrayLike, cases: int, miscoverage: float) -> NDArray[np.float64]:
        """Return the quantile of each new case, inf where its own weight is too large for one.

        Parameters
        ----------
        weights : array_like of float, shape (cases,)
            Positive, in the units of the calibration weights.
        cases : int
        miscoverage : float
            alpha in (0, 1).

        Examples
        --------
        >>> found = calibrate_weighted(np.arange(9.0), np.ones(9), "known")
        >>> found.of([1.0, 2.0], 2, 0.1)
        array([ 8., inf])
        """
        own = checked_values(
            "weights of new cases", weights, np.empty(cases), SMALLEST_WEIGHT, LARGEST_WEIGHT
        )
        cumulated, nonconformity = self._cumulated
        total = cumulated[-1] if cumulated.size else 0.0
        # 1 - alpha as the decimal that was meant
        needed = (own + total) * (delta_of(miscoverage) * (1.0 - ROUNDING))
        return np.asarray(nonconformity[np.searchsorted(cumulated, needed)])

    @classmethod
    def from_dict(cls, fields: Mapping[str, Any]) -> WeightedQuantile:
        """Read the parsed JSON of the weights of a certificate."""
        lists = {name: tuple(fields[name]) for name in ("nonconformity", "weights")}
        odds = fields.get("odds")
        return cls(**{**fields, **lists, "odds": odds and DomainOdds.from_dict(odds)})


def score_features(
    predicted: NDArray[np.float64], scale: NDArray[np.float64] | float
) -> NDArray[np.float64]:
    """Return what `WeightedQuantile.odds` reads of each case: predicted Dice and log scale.

    Examples
    --------
    >>> score_features(np.array([0.9]), 1.0)
    array([[0.9, 0. ]])
    """
    return np.column_stack([predicted, np.broadcast_to(np.log(scale), predicted.shape)])


def calibrate_weighted(
    nonconformity: NDArray[np.float64], weights: ArrayLike, weights_are: str | None
) -> WeightedQuantile:
    """Sort the calibration patients once, so that any new weight finds its quantile.

    Parameters
    ----------
    nonconformity, weights : ndarray of float64, shape (patients,)
        One row per patient; weights > 0.
    weights_are : {"known", "estimated"}
        Whether the density ratio is known or was estimated (see `domain_weights`).

    Notes
    -----
    Guarantee: that of `WeightedQuantile`.

    Examples
    --------
    >>> round(calibrate_weighted(np.zeros(3), np.array([1.0, 1.0, 4.0]), "known")
    ...       .effective_patients, 2)
    2.0
    """
    if weights_are not in WEIGHTS_ARE:
        raise InputError(
            f"weights_are one of {WEIGHTS_ARE}", repr(weights_are), "say where weights come from"
        )
    weights = checked_values("weights", weights, nonconformity, SMALLEST_WEIGHT, LARGEST_WEIGHT)
    order = np.argsort(nonconformity, kind="stable")
    return WeightedQuantile(
        tuple(None if v == np.inf else v for v in nonconformity[order].tolist()),
        tuple(weights[order].tolist()),
        weights_are,
        effective_patients(weights),
    )


def effective_patients(weights: NDArray[np.float64]) -> float:
    """Return (sum of w)^2 / sum of w^2; 0 without patients.

    Examples
    --------
    >>> effective_patients(np.array([2.0, 2.0]))
    2.0
    """
    if weights.size == 0:
        return 0.0
    scaled = weights / weights.max()
    return float(scaled.sum()) ** 2 / float(np.dot(scaled, scaled))
