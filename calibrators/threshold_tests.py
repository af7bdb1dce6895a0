"""The p-value of each accept threshold on checked calibration cases."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from segqc_conformal.calibrators.accept_certificate import ThresholdTest
from segqc_conformal.calibrators.joint_loss import joint_losses, patient_losses
from segqc_conformal.calibrators.labelled_scores import LabelledScores
from segqc_conformal.calibrators.p_values import betting_p_value, binomial_p_value
from segqc_conformal.calibrators.planning import accepted_and_bad
from segqc_conformal.calibrators.slice_quantile import largest_of_each_patient

__all__ = ["stricter_thresholds", "threshold_tests"]


def threshold_tests(
    sample: LabelledScores,
    thresholds: NDArray[np.float64],
    tolerated_error: float,
    test: str,
    cases: str = "first",
    largest_weight: float | None = None,
) -> list[ThresholdTest]:
    """Return what each threshold accepts and its p-value.

    Parameters
    ----------
    sample : LabelledScores
        With ``cases="first"`` one case per patient.
    thresholds : ndarray of float64, shape (thresholds,)
    tolerated_error : float
        alpha in (0, 1).
    test : {"binomial", "betting"}
    cases : {"first", "mean", "any"}
        With "any", `accepted` counts patients with an accepted case and `bad` those with an
        accepted bad one; otherwise both count cases.
    largest_weight : float, optional
        Bound of the weights; needed where the sample has weights.

    Notes
    -----
    Guarantee: each p-value is super-uniform where its threshold's error is >= alpha; see
    `binomial_p_value`, `betting_p_value`, `joint_losses` and `patient_losses`.

    Examples
    --------
    >>> sample = LabelledScores(np.ones(30), np.zeros(30, bool), np.arange(30), None)
    >>> threshold_tests(sample, np.array([0.5]), 0.1, "binomial")
    [ThresholdTest(threshold=0.5, accepted=30, bad=0, p_value=0.042391158275216195)]
    """
    best, best_bad = sample.scores, np.where(sample.bad, sample.scores, -np.inf)
    if cases == "any":
        best, best_bad = (largest_of_each_patient(of, sample.patients) for of in (best, best_bad))
    everyone = np.ones(best.size, dtype=bool)
    accepted = accepted_and_bad(best, everyone, thresholds)[0]
    bad = accepted_and_bad(best_bad, everyone, thresholds)[0]
    if test == "binomial":
        p_values = binomial_p_value(bad, accepted, tolerated_error)
    elif cases == "any":
        losses = patient_losses(best, best_bad, thresholds, tolerated_error)
        p_values = betting_p_value(losses, tolerated_error)
    else:
        p_values = _mean_p_values(sample, thresholds, tolerated_error, largest_weight)
    steps = zip(thresholds, accepted, bad, p_values, strict=True)
    return [ThresholdTest(float(t), int(n), int(k), float(p)) for t, n, k, p in steps]


def _mean_p_values(
    sample: LabelledScores,
    thresholds: NDArray[np.float64],
    tolerated_error: float,
    largest_weight: float | None,
) -> NDArray[np.float64]:
    weights = np.ones(sample.bad.size)
    if sample.weights is not None and largest_weight is not None:
        weights = sample.weights / largest_weight
    losses = joint_losses(
        sample.scores, sample.bad, thresholds, tolerated_error, sample.patients, weights
    )
    return betting_p_value(losses, tolerated_error)


def stricter_thresholds(
    grid: NDArray[np.float64], scores: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Return deciles of the scores above the start of the grid, to describe what lies there.

    Examples
    --------
    >>> stricter_thresholds(np.array([0.75]), np.linspace(0, 1, 11))
    array([0.8, 0.9])
    """
    if scores.size == 0:
        return np.empty(0)
    found = np.unique(np.quantile(scores, np.arange(1, 10) / 10.0, method="higher"))
    return np.asarray(found[np.isfinite(found) & (found > max(grid[:1], default=-np.inf))])
