"""How much better a quality predictor becomes with more fit patients."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from segqc_conformal.evaluation.prediction_error import spearman
from segqc_conformal.patients import stable_hash
from segqc_conformal.quality.patient_folds import patient_folds

__all__ = ["learning_curve"]

FOLDS = 5
COLUMNS = ("patients", "error", "error_se", "spearman")


def learning_curve(
    table: pd.DataFrame,
    predict: Callable[[pd.DataFrame, pd.DataFrame], NDArray[np.float64]],
    sizes: Sequence[int],
    target: str = "dice",
    folds: int = FOLDS,
    seed: int = 0,
) -> pd.DataFrame:
    """Fit on growing numbers of patients, and measure on patients that are never among them.

    Parameters
    ----------
    table : DataFrame
        Labelled rows of the fit patients, with ``patient_id``.
    predict : callable
        Of rows to fit on and rows to predict, both with `target`: the predictions of the latter.
    sizes : sequence of int
        Numbers of patients; those above (folds - 1) / folds of all are left out.
    target : str
        Column.
    folds : int
        Each is measured once, by a predictor fitted on patients of the others, the same ones first
        at every size.
    seed : int
        Of the order of the patients.

    Returns
    -------
    DataFrame
        ``patients`` fitted on, mean absolute ``error`` over patients and its standard error, and
        the mean over folds of ``spearman``, the rank correlation with the target.

    Notes
    -----
    Guarantee: none. The patients measured are the same at every size, so the curve may be read
    downwards; its standard errors are those of one point, not of differences.

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> table = pd.DataFrame({"patient_id": [f"p{i}" for i in range(60)],
    ...     "dice": rng.random(60)})
    >>> found = learning_curve(table, lambda fit, test: np.full(len(test), fit["dice"].mean()),
    ...     [5, 40, 400])
    >>> found["patients"].tolist()
    [5, 40]
    """
    people = pd.factorize(table["patient_id"])[0]
    splits = patient_folds(people, folds)
    most = min(np.unique(people[train]).size for train, _ in splits)
    truth = table[target].to_numpy(dtype=np.float64)
    rows = []
    for size in sorted({int(size) for size in sizes if 2 <= size <= most}):
        predicted = np.empty(len(table))
        for train, test in splits:
            fit = table.iloc[train]
            kept = fit[fit["patient_id"].isin(_first(fit["patient_id"], size, seed))]
            predicted[test] = predict(kept, table.iloc[test])
        rows.append((size, *_measured(truth, predicted, people, splits)))
    return pd.DataFrame(rows, columns=list(COLUMNS))


def _first(patients: pd.Series[str], size: int, seed: int) -> list[str]:
    names = patients.unique().tolist()
    return sorted(names, key=lambda name: stable_hash(seed, f"curve:{name}"))[:size]


def _measured(
    truth: NDArray[np.float64],
    predicted: NDArray[np.float64],
    people: NDArray[np.intp],
    splits: Sequence[tuple[NDArray[np.intp], NDArray[np.intp]]],
) -> tuple[float, float, float]:
    each = np.bincount(people, np.abs(truth - predicted)) / np.bincount(people)
    # a constant ranks nothing
    ranks = np.nan_to_num([spearman(predicted[test], truth[test]) for _, test in splits])
    error_se = float(each.std(ddof=1) / np.sqrt(each.size))
    return float(each.mean()), error_se, float(np.mean(ranks))
