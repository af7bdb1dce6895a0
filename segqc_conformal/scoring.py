"""Scored rows: predicted Dice, scale and accept score of each row, and of each whole case."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd

from segqc_conformal.calibrators.cross_certificate import CrossConformalCertificate
from segqc_conformal.quality.centre import recentred, row_centres
from segqc_conformal.quality.predictor import FittedQuality
from segqc_conformal.whole_case import rows_together, whole_case_rows

__all__ = [
    "empty_prediction",
    "predicted_by_interval",
    "score_fit_rows",
    "score_rows",
    "with_scores",
]


def score_rows(
    rows: pd.DataFrame,
    quality: FittedQuality,
    structures: tuple[str, ...],
    dice_threshold: float,
    subsets: Mapping[str, Sequence[str]] | None = None,
) -> pd.DataFrame:
    """Add predicted Dice, scale and accept score to usable rows; add subsets and whole cases.

    Parameters
    ----------
    rows : DataFrame
        Usable rows of a checked feature table.
    quality : FittedQuality
    structures : tuple of str
        Structures of a whole case.
    dice_threshold : float
        The accept score is ``(predicted - dice_threshold) / scale``.
    subsets : mapping of str to sequence of str, optional
        Named subsets of the structures, judged together (see `whole_case_rows`).

    Returns
    -------
    DataFrame
        `rows` with ``predicted_dice, scale, accept_score``; an empty prediction has no
        predicted Dice and the accept score -inf. Rows of subsets and whole cases follow; their
        predicted Dice is moved by the ``centres`` of `quality`, since the worst of several
        structures is worse than the worst prediction says.

    Notes
    -----
    Guarantee: none by itself.
    """
    known = rows[~empty_prediction(rows)]
    predictions = pd.DataFrame(
        dict(zip(("predicted_dice", "scale"), quality.predict(known), strict=True)),
        index=known.index,
    )
    scored = with_scores(rows, predictions, structures, dice_threshold, subsets)
    return recentred(scored, quality.centres)


def score_fit_rows(
    fit: pd.DataFrame,
    fitted: tuple[FittedQuality, pd.DataFrame],
    structures: tuple[str, ...],
    dice_threshold: float,
    miscoverage: float,
    subsets: Mapping[str, Sequence[str]] | None = None,
) -> tuple[FittedQuality, pd.DataFrame]:
    """Score the fit patients out of fold; from their whole cases learn where to centre these.

    Parameters
    ----------
    fit : DataFrame
        Usable rows of the fit patients, with ``dice``.
    fitted : (FittedQuality, DataFrame)
        What `fit_quality` returned for them.
    structures : tuple of str
        Structures of a whole case.
    dice_threshold : float
        The accept score is ``(predicted - dice_threshold) / scale``.
    miscoverage : float
        Of the interval that is to be narrow.
    subsets : mapping of str to sequence of str, optional
        Named subsets of the structures, judged together (see `whole_case_rows`).

    Returns
    -------
    (FittedQuality, DataFrame)
        The quality predictor with its ``centres``, and the scored rows as `score_rows` gives them.

    Notes
    -----
    Guarantee: none by itself.
    """
    quality, out_of_fold = fitted
    scored = with_scores(fit, out_of_fold, structures, dice_threshold, subsets)
    centres = row_centres(scored, rows_together(structures, subsets or {}), miscoverage)
    return replace(quality, centres=centres), recentred(scored, centres)


def with_scores(
    rows: pd.DataFrame,
    predictions: pd.DataFrame,
    structures: tuple[str, ...],
    dice_threshold: float,
    subsets: Mapping[str, Sequence[str]] | None = None,
) -> pd.DataFrame:
    """Add given predictions, their accept scores, and the rows of subsets and whole cases.

    Parameters
    ----------
    rows : DataFrame
        Usable rows of a checked feature table.
    predictions : DataFrame
        ``predicted_dice`` and ``scale`` by the index of `rows`; rows absent from it are empty
        predictions: no predicted Dice, accept score -inf.
    structures : tuple of str
        Structures of a whole case.
    dice_threshold : float
        The accept score is ``(predicted - dice_threshold) / scale``.
    subsets : mapping of str to sequence of str, optional
        Named subsets of the structures, judged together (see `whole_case_rows`).

    Returns
    -------
    DataFrame

    Notes
    -----
    Guarantee: none by itself.
    """
    scored = rows.join(predictions)
    score = (scored["predicted_dice"] - dice_threshold) / scored["scale"]
    scored["accept_score"] = score.fillna(-np.inf)
    whole = whole_case_rows(scored, structures, subsets)
    return pd.concat([scored, whole], ignore_index=True) if len(whole) else scored


def predicted_by_interval(
    rows: pd.DataFrame, interval: CrossConformalCertificate, dice_threshold: float
) -> pd.DataFrame:
    """Let scored rows predict what the models of a cross-conformal interval do.

    Parameters
    ----------
    rows : DataFrame
        Scored rows of the interval's structure, as `score_rows` returns them.
    interval : CrossConformalCertificate
        With its models.
    dice_threshold : float

    Returns
    -------
    DataFrame
        `rows` with ``predicted_dice`` inside the interval, and the accept score that belongs to it.

    Notes
    -----
    Guarantee: none by itself; the interval is not touched.
    """
    known = rows[rows["predicted_dice"].notna()]
    if known.empty or not interval.folds:
        return rows
    predicted = interval.predicted(known)
    score = (predicted - dice_threshold) / known["scale"]
    return rows.assign(
        predicted_dice=pd.Series(predicted, known.index),
        accept_score=score.reindex(rows.index).fillna(-np.inf),
    )


def empty_prediction(rows: pd.DataFrame) -> np.ndarray[Any, np.dtype[np.bool_]]:
    """Return which rows have an empty predicted structure (``feature_volume_ml`` is 0)."""
    if "feature_volume_ml" not in rows:
        return np.zeros(len(rows), dtype=bool)
    return np.asarray(rows["feature_volume_ml"] == 0.0)
