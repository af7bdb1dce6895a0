"""Methods compared over splits: each fits on some patients and scores the others.

A scored frame has one row per case and structure, and one per whole case (the worst structure):
``patient_id, structure, dice, predicted_dice, scale, accept_score`` and, where a method predicts
a range, ``lower`` and ``upper``. Empty predictions have no predicted Dice, whatever the method.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from member_dice import COLUMNS as MEMBER_DICE
from numpy.typing import NDArray
from sklearn.base import BaseEstimator, RegressorMixin
from sklearn.compose import make_column_transformer
from sklearn.ensemble import GradientBoostingRegressor, RandomForestRegressor
from sklearn.isotonic import IsotonicRegression
from sklearn.linear_model import LinearRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder

from segqc_conformal.calibrators import DiceInterval, QuantileInterval
from segqc_conformal.features.table import feature_columns
from segqc_conformal.quality.predictor import fit_quality
from segqc_conformal.scoring import empty_prediction, score_fit_rows, score_rows, with_scores

THRESHOLD = 0.8
MISCOVERAGE = 0.10
OURS = "segqc-conformal"
SMALLEST_SPREAD = 0.005  # five members can agree to the last voxel
Scored = dict[str, pd.DataFrame]


class Method(NamedTuple):
    """How a method scores rows and makes intervals of them.

    ``rival``: our width is measured against the narrowest of these.
    """

    score: Callable[[Scored, tuple[str, ...]], Scored]
    interval: Callable[[pd.DataFrame, pd.DataFrame], NDArray[np.float64]]
    rival: bool


def segqc_default(parts: Scored, structures: tuple[str, ...]) -> tuple[Scored, str]:
    """Score with the default quality predictor, fitted anew on these fit patients."""
    fit = parts["fit"]
    fitted = fit_quality(fit[~empty_prediction(fit)], miscoverage=MISCOVERAGE)
    quality, fit = score_fit_rows(fit, fitted, structures, THRESHOLD, MISCOVERAGE)
    scored = {
        name: score_rows(parts[name], quality, structures, THRESHOLD)
        for name in ("calibration", "test")
    }
    return {**scored, "fit": fit}, f"power {quality.power}"


def plain_regressor(parts: Scored, structures: tuple[str, ...], *, model: Any) -> Scored:
    """Score with a regressor of Dice on all features and the structure."""
    predict = _regression(parts["fit"], model)
    return _scored(parts, structures, lambda rows: {"predicted_dice": predict(rows)})


def _regression(fit: pd.DataFrame, model: Any) -> Callable[[pd.DataFrame], NDArray[np.float64]]:
    fit = fit[~empty_prediction(fit)]
    features = feature_columns(fit)
    columns = make_column_transformer(("passthrough", features), (OneHotEncoder(), ["structure"]))
    fitted = make_pipeline(columns, model).fit(fit[[*features, "structure"]], fit["dice"])
    return lambda rows: np.asarray(fitted.predict(rows[[*features, "structure"]]))


def single_feature(parts: Scored, structures: tuple[str, ...], *, feature: str) -> Scored:
    """Score with one feature: its isotonic regression predicts, its raw value ranks."""
    fit = parts["fit"][~empty_prediction(parts["fit"])]
    curves = {
        name: IsotonicRegression(out_of_bounds="clip").fit(rows[feature], rows["dice"])
        for name, rows in fit.groupby("structure")
    }

    def predict(rows: pd.DataFrame) -> dict[str, Any]:
        by_structure = rows.groupby("structure")[feature]
        predicted = by_structure.transform(lambda values: curves[values.name].predict(values))
        return {"predicted_dice": predicted}

    predicted = _scored(parts, structures, predict)
    raw = _scored(parts, structures, lambda rows: {"predicted_dice": rows[feature].to_numpy()})
    return {
        name: rows.assign(accept_score=raw[name]["accept_score"])
        for name, rows in predicted.items()
    }


def quantile_boosting(parts: Scored, structures: tuple[str, ...]) -> Scored:
    """Score with gradient boosting of two quantiles, as for conformalized quantile regression.

    Their middle is the prediction.
    """
    lower, upper = (
        _regression(
            parts["fit"], GradientBoostingRegressor(loss="quantile", alpha=level, random_state=0)
        )
        for level in (MISCOVERAGE / 2, 1 - MISCOVERAGE / 2)
    )

    def predict(rows: pd.DataFrame) -> dict[str, Any]:
        low, high = lower(rows), upper(rows)
        return {"predicted_dice": (low + high) / 2, "lower": low, "upper": high}

    return _scored(parts, structures, predict)


def sample_range(parts: Scored, structures: tuple[str, ...]) -> Scored:
    """Score with the range of the members' Dice to the judged mask; nothing is fitted.

    The performance range of Wundram et al. (2024, arXiv 2407.13307), whose predictions come from
    the samples of the segmentation alone: ``lower`` and ``upper`` are the quantiles of the samples'
    Dice at half the miscoverage on either side, their mean is the prediction and their standard
    deviation its scale. A reconstruction: of five members these quantiles are interpolated between
    the two smallest and the two largest (as `numpy.quantile` does, which their code uses).
    """

    def predict(rows: pd.DataFrame) -> dict[str, Any]:
        dice = rows[list(MEMBER_DICE)].to_numpy()
        lower, upper = np.quantile(dice, [MISCOVERAGE / 2, 1 - MISCOVERAGE / 2], axis=1)
        return {
            "predicted_dice": dice.mean(axis=1),
            "scale": np.maximum(dice.std(axis=1, ddof=1), SMALLEST_SPREAD),
            "lower": lower,
            "upper": upper,
        }

    return _scored(parts, structures, predict)


def _scored(
    parts: Scored, structures: tuple[str, ...], predict: Callable[[pd.DataFrame], dict[str, Any]]
) -> Scored:
    scored = {}
    for name in ("calibration", "test"):
        rows = parts[name]
        known = rows[~empty_prediction(rows)]
        predictions = pd.DataFrame({"scale": 1.0, **predict(known)}, index=known.index)
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


def own_range(calibration: pd.DataFrame, test: pd.DataFrame) -> NDArray[np.float64]:
    """Conformalised range of this package: exact rank, inside [0, 1]; shape ``(rows, 2)``."""
    certificate = QuantileInterval(miscoverage=MISCOVERAGE).calibrate(
        calibration["lower"], calibration["upper"], calibration["dice"]
    )
    return np.column_stack(certificate.interval(test["lower"], test["upper"]))


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


BASELINES = {
    "MAPIE, linear regression": Method(
        partial(plain_regressor, model=LinearRegression()), mapie_interval, rival=True
    ),
    "MAPIE, random forest": Method(
        partial(plain_regressor, model=RandomForestRegressor(random_state=0)),
        mapie_interval,
        rival=True,
    ),
    "MAPIE CQR, gradient boosting": Method(quantile_boosting, mapie_interval, rival=True),
    "performance range, sample quantiles": Method(sample_range, own_range, rival=True),
    "performance range, mean ± spread": Method(sample_range, own_interval, rival=True),
    "pairwise Dice": Method(
        partial(single_feature, feature="feature_pairwise_dice"), own_interval, rival=False
    ),
    "Soft Dice Confidence": Method(
        partial(single_feature, feature="feature_soft_dice_confidence"), own_interval, rival=False
    ),
}
