"""Can recent cases be told from calibration cases? A classifier on patients it has not seen."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

__all__ = ["DomainClassifier", "auc_interval", "domain_classifier"]

FEWEST = 40  # patients of each kind
MOST = 2_000  # patients of each kind
REPEATS = 5  # shuffles of a column
NORMAL_95 = 1.959964


@dataclass(frozen=True, eq=False)
class DomainClassifier:
    """What a classifier of calibration against recent cases achieved on held-out patients.

    Parameters
    ----------
    auc, low, high : float
        Area under the ROC curve of the held-out patients and its 95 % interval, in [0, 1]; 0.5 is
        chance.
    importance : DataFrame
        ``column, drop``: by how much the held-out AUC falls when the column's values are shuffled
        (mean of 5 shuffles); largest first.
    fitted, held_out : tuple of int
        Calibration and recent patients in each half.

    Notes
    -----
    Guarantee: none; descriptive. It decides nothing.
    """

    auc: float
    low: float
    high: float
    importance: pd.DataFrame
    fitted: tuple[int, int]
    held_out: tuple[int, int]


def domain_classifier(
    then: pd.DataFrame, now: pd.DataFrame, seed: int = 0
) -> DomainClassifier | str:
    """Fit on half of the patients, look at the other half.

    Parameters
    ----------
    then, now : DataFrame
        Calibration and recent cases: one row per patient, the same numeric columns. Missing and
        infinite values are taken as missing, which is a value to this classifier.
    seed : int
        Of the halves, the shuffles, and the sample of at most 2,000 patients of each kind.

    Returns
    -------
    DomainClassifier or str
        Or, in words, why there is none.

    Notes
    -----
    Guarantee: none. The interval is about this classifier on new patients of the same two kinds;
    it contains 0.5 just where the Wilcoxon-Mann-Whitney test (normal approximation) does not
    reject at 5 %. Importance ranks, and shares between columns that say the same.
    Source: gradient-boosted trees of scikit-learn; permutation importance, Breiman 2001; interval,
    `auc_interval`.
    """
    fewest = min(len(then), len(now))
    if fewest < FEWEST:
        return (
            f"Not fitted: it needs {FEWEST} calibration patients and {FEWEST} recent ones, to fit "
            f"on one half and to look at the other; there are {len(then)} and {len(now)}."
        )
    if not len(then.columns):
        return "Not fitted: there is no column to compare."
    rng = np.random.default_rng(seed)
    halves = [_halves(table, rng) for table in (then, now)]
    (fit, fit_is_new), (held, held_is_new) = (
        _together(halves[0][half], halves[1][half]) for half in (0, 1)
    )
    return _looked_at(fit, fit_is_new, held, held_is_new, list(then.columns), seed)


def _halves(table: pd.DataFrame, rng: np.random.Generator) -> list[NDArray[np.float64]]:
    values = table.to_numpy(dtype=np.float64)
    values = np.where(np.isfinite(values), values, np.nan)
    order = rng.permutation(len(values))[:MOST]
    return [values[half] for half in np.array_split(order, 2)]


def _together(
    old: NDArray[np.float64], new: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.intp]]:
    return np.concatenate([old, new]), np.repeat([0, 1], [len(old), len(new)])


def _looked_at(
    fit: NDArray[np.float64],
    fit_is_new: NDArray[np.intp],
    held: NDArray[np.float64],
    held_is_new: NDArray[np.intp],
    columns: list[str],
    seed: int,
) -> DomainClassifier:
    from sklearn.ensemble import HistGradientBoostingClassifier
    from sklearn.inspection import permutation_importance
    from sklearn.metrics import roc_auc_score

    model = HistGradientBoostingClassifier(
        max_iter=50, max_leaf_nodes=8, min_samples_leaf=10, early_stopping=False, random_state=seed
    ).fit(fit, fit_is_new)
    auc = float(roc_auc_score(held_is_new, model.predict_proba(held)[:, 1]))
    found = permutation_importance(
        model, held, held_is_new, scoring="roc_auc", n_repeats=REPEATS, random_state=seed, n_jobs=1
    )
    importance = pd.DataFrame({"column": columns, "drop": found.importances_mean})
    counts = [(int((kind == 0).sum()), int(kind.sum())) for kind in (fit_is_new, held_is_new)]
    return DomainClassifier(
        auc,
        *auc_interval(auc, *counts[1]),
        importance.sort_values("drop", ascending=False, kind="stable", ignore_index=True),
        *counts,
    )


def auc_interval(auc: float, one: int, other: int) -> tuple[float, float]:
    """Return the 95 % interval of an area under the ROC curve.

    Parameters
    ----------
    auc : float
        Observed, in [0, 1].
    one, other : int
        Cases of each kind, >= 1.

    Returns
    -------
    (low, high) : tuple of float
        The areas that a score test does not reject; of positive width at an area of 1 too.

    Notes
    -----
    Guarantee: approximate. At 0.5 its variance is that of the Mann-Whitney statistic.
    Source: Newcombe, Statistics in Medicine 25 (2006) 559, method 5 (Hanley and McNeil's variance
    at the mean sample size).

    Examples
    --------
    >>> [round(end, 3) for end in auc_interval(1.0, 40, 40)]
    [0.95, 1.0]
    """

    def outside(area: float) -> bool:
        mean = (one + other) / 2.0
        spread = 1.0 + (mean - 1.0) * ((1.0 - area) / (2.0 - area) + area / (1.0 + area))
        variance = area * (1.0 - area) / (one * other) * spread
        return (auc - area) ** 2 > NORMAL_95**2 * variance

    ends = []
    for end in (0.0, 1.0):
        far, near = end, auc
        for _ in range(50):
            middle = 0.5 * (far + near)
            far, near = (middle, near) if outside(middle) else (far, middle)
        ends.append(near)
    return ends[0], ends[1]
