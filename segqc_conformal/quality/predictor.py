"""The default quality predictor: features to predicted Dice and its scale."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.special import expit, logit

from segqc_conformal.features.table import feature_columns
from segqc_conformal.quality.candidates import default_candidates, scale_model

__all__ = ["FittedQuality", "fit_quality"]

FOLDS = 5
SMALLEST_FIT = 10  # rows; below, the predictor is the median Dice
EDGE = 0.02  # Dice is pulled this far inside (0, 1) before the logit
SMALLEST_SCALE = 0.005
POWERS = (0.5, 1.0, 0.0, 1.5)  # in the order of preference
AS_GOOD = 0.05  # share by which a simpler model may be wider than the narrowest


@dataclass(frozen=True, eq=False)
class FittedQuality:
    """A fitted quality predictor; it never sees a calibration patient.

    Parameters
    ----------
    name : str
        Candidate chosen.
    features : tuple of str
        Feature columns it reads.
    model : estimator
        Fitted scikit-learn regressor of logit Dice on ``features`` and ``structure``.
    scale_form : str
        "learned", or "power b": the scale is ``(1 - predicted) ** b``.
    scale : estimator or None
        Fitted regressor of the log absolute error, for "learned".
    choice : dict of str to float
        Expected width of the interval of each candidate and scale on the fit patients.

    Notes
    -----
    Guarantee: none by itself; the calibrators make it a promise.
    """

    name: str
    features: tuple[str, ...]
    model: Any
    scale_form: str
    scale: Any
    choice: dict[str, float]

    def predict(self, table: pd.DataFrame) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Return predicted Dice and scale of each row.

        Parameters
        ----------
        table : DataFrame
            Rows of a feature table with finite features.

        Returns
        -------
        (predicted, scale) : tuple of ndarray of float64, shape (rows,)
            In [0, 1] and > 0.

        Notes
        -----
        Guarantee: none by itself; `DiceInterval` and `AcceptThreshold` make it a promise.
        """
        if table.empty:
            return np.empty(0), np.empty(0)
        rows = table[[*self.features, "structure"]]
        predicted = expit(np.asarray(self.model.predict(rows), dtype=np.float64))
        return predicted, _scale_of(self.scale_form, predicted, self.scale, rows)


def fit_quality(
    table: pd.DataFrame,
    *,
    miscoverage: float = 0.1,
    candidates: Mapping[str, Any] | None = None,
    seed: int = 0,
    progress: Callable[[str], None] | None = None,
) -> tuple[FittedQuality, pd.DataFrame]:
    """Fit and choose a quality predictor on the fit patients.

    Parameters
    ----------
    table : DataFrame
        Feature-table rows of the fit patients, with ``dice`` in [0, 1] and finite features.
    miscoverage : float
        The width that decides is that of an interval at this miscoverage.
    candidates : mapping of str to estimator, optional
        Unfitted scikit-learn regressors of logit Dice on a DataFrame with the feature columns and
        ``structure``, simplest first; None: `default_candidates`.
    seed : int
        Seed of the default candidates.
    progress : callable, optional
        Called with the name of each candidate.

    Returns
    -------
    (FittedQuality, DataFrame)
        The choice, refitted on all rows, and out-of-fold ``predicted_dice`` and ``scale`` by the
        index of `table`: each patient's come from models fitted without that patient.

    Notes
    -----
    The target is logit Dice. Candidate and scale are chosen together by the mean width that the
    interval would have on the fit patients, with patients (not rows) in the folds: the first
    whose width is within 5 % of the narrowest. A learned scale is tried for the best candidate.
    Guarantee: none by itself; nothing here sees a calibration patient.
    """
    features = feature_columns(table)
    folds = min(FOLDS, table["patient_id"].nunique())
    if len(table) < SMALLEST_FIT or folds < 2:
        return _median_quality(table, features)
    if candidates is None:
        candidates = default_candidates(features, len(table) - len(table) // folds, seed)
    tried: list[_Tried] = []
    dice = table["dice"].to_numpy()
    for name, model in candidates.items():
        if progress is not None:
            progress(name)
        predicted = expit(_out_of_fold(model, table, features, _target(table), folds))
        for power in POWERS:
            scale = _power_scale(predicted, power)
            width = _expected_width(dice, predicted, scale, miscoverage)
            tried.append(_Tried(width, name, f"power {power}", predicted, scale))
    best = _simplest_of_the_best(tried)
    scale = _learned_scale(table, features, best.predicted, folds)
    width = _expected_width(dice, best.predicted, scale, miscoverage)
    tried.append(_Tried(width, best.name, "learned", best.predicted, scale))
    _, name, form, predicted, scale = _simplest_of_the_best(tried)
    fitted = FittedQuality(
        name=name,
        features=tuple(features),
        model=_fitted(candidates[name], table, features, _target(table)),
        scale_form=form,
        scale=_fitted_scale(table, features, predicted) if form == "learned" else None,
        choice={f"{one.name}, {one.form}": one.width for one in tried},
    )
    return fitted, _frame(table, predicted, scale)


class _Tried(NamedTuple):
    width: float
    name: str
    form: str
    predicted: NDArray[np.float64]
    scale: NDArray[np.float64]


def _simplest_of_the_best(tried: list[_Tried]) -> _Tried:
    # widths of few patients are noisy: the narrowest of many is narrowest partly by chance
    narrowest = min(one.width for one in tried)
    return next(one for one in tried if one.width <= narrowest * (1.0 + AS_GOOD))


def _target(table: pd.DataFrame) -> NDArray[np.float64]:
    return np.asarray(logit(np.clip(table["dice"].to_numpy(), EDGE, 1.0 - EDGE)))


def _fitted(model: Any, table: pd.DataFrame, features: list[str], target: Any) -> Any:
    from sklearn.base import clone

    return clone(model).fit(table[[*features, "structure"]], target)


def _out_of_fold(
    model: Any, table: pd.DataFrame, features: list[str], target: Any, folds: int
) -> NDArray[np.float64]:
    from sklearn.model_selection import GroupKFold, cross_val_predict

    return np.asarray(
        cross_val_predict(
            model,
            table[[*features, "structure"]],
            target,
            groups=table["patient_id"],
            cv=GroupKFold(folds),
        ),
        dtype=np.float64,
    )


def _log_error(table: pd.DataFrame, predicted: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.asarray(np.log(np.abs(table["dice"].to_numpy() - predicted) + SMALLEST_SCALE))


def _fitted_scale(table: pd.DataFrame, features: list[str], predicted: Any) -> Any:
    return _fitted(scale_model(features, len(table)), table, features, _log_error(table, predicted))


def _learned_scale(
    table: pd.DataFrame, features: list[str], predicted: NDArray[np.float64], folds: int
) -> NDArray[np.float64]:
    model = scale_model(features, len(table) - len(table) // folds)
    log_error = _out_of_fold(model, table, features, _log_error(table, predicted), folds)
    return np.asarray(np.maximum(np.exp(log_error), SMALLEST_SCALE))


def _power_scale(predicted: NDArray[np.float64], power: float) -> NDArray[np.float64]:
    return np.asarray(np.maximum((1.0 - predicted) ** power, SMALLEST_SCALE))


def _scale_of(
    form: str, predicted: NDArray[np.float64], model: Any, rows: pd.DataFrame
) -> NDArray[np.float64]:
    if form == "learned":
        return np.asarray(np.maximum(np.exp(model.predict(rows)), SMALLEST_SCALE))
    return _power_scale(predicted, float(form.removeprefix("power ")))


def _expected_width(
    dice: NDArray[np.float64],
    predicted: NDArray[np.float64],
    scale: NDArray[np.float64],
    miscoverage: float,
) -> float:
    margin = np.quantile(np.abs(dice - predicted) / scale, 1.0 - miscoverage) * scale
    width = np.clip(predicted + margin, 0.0, 1.0) - np.clip(predicted - margin, 0.0, 1.0)
    return float(width.mean())


def _median_quality(table: pd.DataFrame, features: list[str]) -> tuple[FittedQuality, pd.DataFrame]:
    from sklearn.dummy import DummyRegressor

    target = _target(table) if len(table) else np.zeros(1)
    model = DummyRegressor(strategy="median").fit(np.zeros((len(target), 1)), target)
    fitted = FittedQuality("median", tuple(features), model, "power 0.0", None, {})
    return fitted, _frame(table, *fitted.predict(table))


def _frame(
    table: pd.DataFrame, predicted: NDArray[np.float64], scale: NDArray[np.float64]
) -> pd.DataFrame:
    return pd.DataFrame({"predicted_dice": predicted, "scale": scale}, index=table.index)
