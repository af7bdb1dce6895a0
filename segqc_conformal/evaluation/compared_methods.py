"""What each compared method says about the cases of one structure."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from segqc_conformal.calibrators.venn_abers import VennAbersProbability
from segqc_conformal.evaluation.area_under_risk import aurc
from segqc_conformal.evaluation.prediction_error import spearman
from segqc_conformal.features.table import feature_columns

__all__ = ["DICE_LIKE", "Method", "methods_of"]

# these estimate Dice by themselves: no direction to choose, and an error to measure
DICE_LIKE = ("feature_pairwise_dice", "feature_soft_dice_confidence")


@dataclass(frozen=True, eq=False)
class Method:
    """A way to rank cases, and what it says about those of the evaluation half.

    Parameters
    ----------
    name : str
    kind : {"combination", "feature", "predictor"}
        Of "feature" and "predictor" one column is the whole method.
    column : str
        Its column; empty for the combination.
    score : ndarray of float64, shape (cases,)
        Higher is better.
    predicted : ndarray of float64, shape (cases,), or None
        Predicted Dice, where it is one.
    probability : ndarray of float64, shape (cases,)
        P(Dice > threshold): Venn-Abers of the score, calibrated on the fit half.
    fit_aurc : float
        AURC of 1 - Dice on the fit half, by which the best single one is chosen.
    """

    name: str
    kind: str
    column: str
    score: NDArray[np.float64]
    predicted: NDArray[np.float64] | None
    probability: NDArray[np.float64]
    fit_aurc: float


def methods_of(
    fit: pd.DataFrame, test: pd.DataFrame, predictors: Collection[str], dice_threshold: float
) -> list[Method]:
    """Return the methods to compare on one structure.

    Parameters
    ----------
    fit, test : DataFrame
        Rows of both halves with ``dice``, ``predicted_dice`` and ``scale`` of the combination (out
        of fold in `fit`), features and predictor columns.
    predictors : collection of str
        Columns that predict Dice.
    dice_threshold : float

    Returns
    -------
    list of Method
        The combination first, by its predicted Dice and by its accept score.

    Notes
    -----
    A feature's direction is the one that ranks better on the fit half; columns that predict Dice
    are taken as they are. Guarantee: none.
    """
    dice = fit["dice"].to_numpy()

    def method(name: str, kind: str, column: str, parts: list[pd.Series], says: bool) -> Method:
        known, new = (part.to_numpy(dtype=np.float64) for part in parts)
        calibrated = VennAbersProbability(dice_threshold).calibrate(known, dice)
        return Method(
            name=name,
            kind=kind,
            column=column,
            score=new,
            predicted=new if says else None,
            probability=calibrated.probability(new)[2],
            fit_aurc=float(aurc(known, 1.0 - dice)),
        )

    predicted = [part["predicted_dice"] for part in (fit, test)]
    margin = [(part["predicted_dice"] - dice_threshold) / part["scale"] for part in (fit, test)]
    out = [
        method("combination", "combination", "", predicted, says=True),
        method("combination, accept score", "combination", "", margin, says=False),
    ]
    says_dice = {*DICE_LIKE, *predictors}
    for column in dict.fromkeys([*feature_columns(test), *predictors]):
        says = column in says_dice
        falls = not says and float(spearman(fit[column], dice)) < 0.0
        name = column.removeprefix("feature_") + (" (low is good)" if falls else "")
        kind = "predictor" if column in predictors else "feature"
        parts = [-part[column] if falls else part[column] for part in (fit, test)]
        out.append(method(name, kind, column, parts, says=says))
    return out
