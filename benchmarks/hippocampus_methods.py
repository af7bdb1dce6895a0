"""Methods compared on the hippocampus: each fits on some patients and scores the others.

A scored frame has one row per case and structure, and one per whole case (the worst structure):
``patient_id, structure, dice, predicted_dice, scale, accept_score`` and, for quantile regression,
``lower`` and ``upper``. Empty predictions have no predicted Dice, whatever the method.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from sklearn.base import BaseEstimator, RegressorMixin
from sklearn.compose import make_column_transformer
from sklearn.ensemble import GradientBoostingRegressor, RandomForestRegressor
from sklearn.isotonic import IsotonicRegression
from sklearn.linear_model import LinearRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder

from segqc_conformal.calibrators import DiceInterval
from segqc_conformal.features.table import feature_columns
from segqc_conformal.quality.predictor import fit_quality
from segqc_conformal.scoring import empty_prediction, score_rows, with_scores

THRESHOLD = 0.8
MISCOVERAGE = 0.10
Scored = dict[str, pd.DataFrame]


def segqc_default(parts: Scored, structures: tuple[str, ...]) -> tuple[Scored, str]:
    """Score with the default quality predictor, chosen anew on these fit patients."""
    fit = parts["fit"]
    quality, out_of_fold = fit_quality(fit[~empty_prediction(fit)], miscoverage=MISCOVERAGE)
    scored = {
        name: score_rows(parts[name], quality, structures, THRESHOLD)
        for name in ("calibration", "test")
    }
    scored["fit"] = with_scores(fit, out_of_fold, structures, THRESHOLD)
    return scored, f"{quality.name}, {quality.scale_form}"


def plain_regressor(parts: Scored, structures: tuple[str, ...], model: Any) -> Scored:
    """Score with a regressor of Dice on all features and the structure."""
    fit = parts["fit"][~empty_prediction(parts["fit"])]
    features = feature_columns(fit)
    columns = make_column_transformer(("passthrough", features), (OneHotEncoder(), ["structure"]))
    fitted = make_pipeline(columns, model).fit(fit[[*features, "structure"]], fit["dice"])
    return _scored(parts, structures, lambda rows: fitted.predict(rows[[*features, "structure"]]))


def single_feature(parts: Scored, structures: tuple[str, ...], feature: str) -> Scored:
    """Score with one feature: its isotonic regression predicts, its raw value ranks."""
    fit = parts["fit"][~empty_prediction(parts["fit"])]
    curves = {
        name: IsotonicRegression(out_of_bounds="clip").fit(rows[feature], rows["dice"])
        for name, rows in fit.groupby("structure")
    }

    def predict(rows: pd.DataFrame) -> pd.Series:
        by_structure = rows.groupby("structure")[feature]
        return by_structure.transform(lambda values: curves[values.name].predict(values))

    predicted = _scored(parts, structures, predict)
    raw = _scored(parts, structures, lambda rows: rows[feature].to_numpy())
    return {
        name: rows.assign(accept_score=raw[name]["accept_score"])
        for name, rows in predicted.items()
    }


def quantile_boosting(parts: Scored, structures: tuple[str, ...]) -> Scored:
    """Score with gradient boosting of three quantiles, as for conformalized quantile regression."""
    lower, upper, median = (
        plain_regressor(
            parts,
            structures,
            GradientBoostingRegressor(loss="quantile", alpha=alpha, random_state=0),
        )
        for alpha in (MISCOVERAGE / 2, 1 - MISCOVERAGE / 2, 0.5)
    )
    return {
        name: rows.assign(lower=lower[name]["predicted_dice"], upper=upper[name]["predicted_dice"])
        for name, rows in median.items()
    }


def linear(parts: Scored, structures: tuple[str, ...]) -> Scored:
    """Score with linear regression, MAPIE's default estimator."""
    return plain_regressor(parts, structures, LinearRegression())


def forest(parts: Scored, structures: tuple[str, ...]) -> Scored:
    """Score with scikit-learn's random forest."""
    return plain_regressor(parts, structures, RandomForestRegressor(random_state=0))


def _scored(
    parts: Scored, structures: tuple[str, ...], predict: Callable[[pd.DataFrame], Any]
) -> Scored:
    scored = {}
    for name, rows in parts.items():
        known = rows[~empty_prediction(rows)]
        predictions = pd.DataFrame(
            {"predicted_dice": predict(known), "scale": 1.0}, index=known.index
        )
        scored[name] = with_scores(rows, predictions, structures, THRESHOLD)
    return scored


class Column(RegressorMixin, BaseEstimator):  # type: ignore[misc]
    """Give precomputed predictions to MAPIE: column `number` of X."""

    def __init__(self, number: int = 0) -> None:
        self.number = number
        self.fitted_ = True

    def fit(self, X: Any, y: Any = None) -> Column:
        return self

    def predict(self, X: Any) -> NDArray[np.float64]:
        return np.asarray(X)[:, self.number]


def own_interval(calibration: pd.DataFrame, test: pd.DataFrame) -> NDArray[np.float64]:
    """Bounded, normalised split interval of this package; shape ``(rows, 2)``."""
    certificate = DiceInterval(miscoverage=MISCOVERAGE).calibrate(
        calibration["predicted_dice"], calibration["dice"], calibration["scale"]
    )
    return np.column_stack(certificate.interval(test["predicted_dice"], test["scale"]))


def mapie_interval(calibration: pd.DataFrame, test: pd.DataFrame) -> NDArray[np.float64]:
    """MAPIE's interval of the same predictions, clipped to [0, 1]; shape ``(rows, 2)``."""
    from mapie.regression import ConformalizedQuantileRegressor, SplitConformalRegressor

    columns = ["lower", "upper", "predicted_dice"]
    if "lower" in calibration:
        mapie = ConformalizedQuantileRegressor(
            [Column(i) for i in range(3)], confidence_level=1 - MISCOVERAGE, prefit=True
        )
    else:
        columns = ["predicted_dice"]
        mapie = SplitConformalRegressor(Column(), confidence_level=1 - MISCOVERAGE, prefit=True)
    mapie.conformalize(calibration[columns].to_numpy(), calibration["dice"].to_numpy())
    intervals = mapie.predict_interval(test[columns].to_numpy())[1][:, :, 0]
    return np.clip(intervals, 0.0, 1.0)
