"""The quality predictors that the benchmark compares: what each makes of fit rows.

Each takes labelled rows of the fit patients and returns their own predictions out of fold, and a
function that predicts new rows: a frame with ``predicted_dice``, ``scale`` and ``score`` (by which
it ranks); ``predicted_dice`` is NaN where a method does not predict Dice.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import numpy as np
import pandas as pd
from sklearn.isotonic import IsotonicRegression

from segqc_conformal.quality.patient_folds import patient_folds
from segqc_conformal.quality.predictor import fit_quality
from segqc_conformal.quality.regressor import QualityRegressor

THRESHOLD = 0.8
FOLDS = 5
DEFAULT = "default combination"
Predict = Callable[[pd.DataFrame], pd.DataFrame]
Fitted = tuple[pd.DataFrame, Predict]


def single(fit: pd.DataFrame, feature: str) -> Fitted:
    """Rank by one feature as it is; its isotonic regression predicts Dice."""
    out = pd.DataFrame(index=fit.index, columns=["predicted_dice", "scale", "score"], dtype=float)
    for train, test in patient_folds(pd.factorize(fit["patient_id"])[0], FOLDS):
        out.iloc[test] = _isotonic(fit.iloc[train], feature)(fit.iloc[test]).to_numpy()
    return out, _isotonic(fit, feature)


def _isotonic(fit: pd.DataFrame, feature: str) -> Predict:
    curves = {
        name: IsotonicRegression(out_of_bounds="clip").fit(rows[feature], rows["dice"])
        for name, rows in fit.groupby("structure")
    }

    def predict(rows: pd.DataFrame) -> pd.DataFrame:
        found = rows.groupby("structure")[feature].transform(lambda v: curves[v.name].predict(v))
        return pd.DataFrame({"predicted_dice": found, "scale": 1.0, "score": rows[feature]})

    return predict


def family(fit: pd.DataFrame, name: str) -> Fitted:
    """Predict by one family of models, or by the one that is chosen; rank by predicted Dice."""
    model = QualityRegressor(name).fit(fit, fit["dice"], fit["patient_id"])
    out = pd.DataFrame(
        {
            "predicted_dice": model.out_of_fold_,
            "scale": model.scale_of(model.out_of_fold_),
            "score": model.out_of_fold_,
        },
        index=fit.index,
    )

    def predict(rows: pd.DataFrame) -> pd.DataFrame:
        predicted, scale = model.predict(rows), model.predict_scale(rows)
        columns = {"predicted_dice": predicted, "scale": scale, "score": predicted}
        return pd.DataFrame(columns, index=rows.index)

    return out, predict


def chance(fit: pd.DataFrame) -> Fitted:
    """Rank by a logistic regression's P(Dice > 0.8); Dice itself is not predicted."""
    model = QualityRegressor("logistic", above=THRESHOLD).fit(fit, fit["dice"], fit["patient_id"])

    def frame(score: object, index: pd.Index) -> pd.DataFrame:
        return pd.DataFrame({"predicted_dice": np.nan, "scale": 1.0, "score": score}, index=index)

    return frame(model.out_of_fold_, fit.index), lambda rows: frame(model.predict(rows), rows.index)


def default(fit: pd.DataFrame) -> Fitted:
    """Predict by the default quality predictor; rank by predicted Dice."""
    model, out = fit_quality(fit)

    def predict(rows: pd.DataFrame) -> pd.DataFrame:
        predicted, scale = model.predict(rows)
        columns = {"predicted_dice": predicted, "scale": scale, "score": predicted}
        return pd.DataFrame(columns, index=rows.index)

    return out.assign(score=out["predicted_dice"]), predict


METHODS: dict[str, Callable[[pd.DataFrame], Fitted]] = {
    DEFAULT: default,
    "Soft Dice Confidence": partial(single, feature="feature_soft_dice_confidence"),
    "ensemble pairwise Dice": partial(single, feature="feature_pairwise_dice"),
    **{
        name: partial(family, name=code)
        for name, code in (
            ("linear (ridge)", "linear"),
            ("LASSO", "lasso"),
            ("Gaussian process", "gaussian_process"),
            ("forest", "forest"),
            ("boosted trees", "boosted"),
            ("chosen family", "auto"),
        )
    },
    "logistic, P(Dice > 0.8)": chance,
}
