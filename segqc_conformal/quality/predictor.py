"""The default quality predictor: features to predicted Dice and its scale."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.special import expit, logit

from segqc_conformal.features.table import feature_columns
from segqc_conformal.quality.candidates import default_candidates
from segqc_conformal.quality.centre import width_centre
from segqc_conformal.quality.expected_width import power_scale, preferred_power, widths_by_power

__all__ = ["FittedQuality", "fit_quality"]

FOLDS = 5
SMALLEST_FIT = 10  # rows; below, the predictor is the median Dice
EDGE = 0.02  # Dice is pulled this far inside (0, 1) before the logit
SHARPNESS = 4  # a candidate twice as wide as another weighs 2 ** 4 times less


@dataclass(frozen=True, eq=False)
class FittedQuality:
    """A fitted quality predictor; it never sees a calibration patient.

    Parameters
    ----------
    name : str
        The candidate, or the weighted sum of candidates.
    features : tuple of str
        Feature columns it reads.
    model : estimator
        Fitted scikit-learn regressor of logit Dice on ``features`` and ``structure``.
    power : float
        The scale is ``(1 - model's Dice) ** power``.
    centre : float
        By how many scales the predicted Dice lies above the model's (see `width_centre`).
    choice : dict of str to float
        Expected width of the interval of each candidate and scale on the fit patients.
    centres : dict of str to float
        The same as `centre`, for rows that stand for several structures, beyond it.

    Notes
    -----
    Guarantee: none by itself; the calibrators make it a promise.
    """

    name: str
    features: tuple[str, ...]
    model: Any
    power: float
    centre: float
    choice: dict[str, float]
    centres: dict[str, float] = field(default_factory=dict)

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
        return _centred(predicted, power_scale(predicted, self.power), self.centre)


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
        ``structure``; None: `default_candidates`.
    seed : int
        Seed of the default candidates.
    progress : callable, optional
        Called with the name of each candidate.

    Returns
    -------
    (FittedQuality, DataFrame)
        The predictor, refitted on all rows, and out-of-fold ``predicted_dice`` and ``scale`` by the
        index of `table`: each patient's come from models fitted without that patient.

    Notes
    -----
    The target is logit Dice. All candidates are averaged on the logit, each with the weight
    ``width ** -4``, where width is the mean width that the interval would have on the fit patients
    with this candidate alone, with patients (not rows) in the folds: about equal weights for
    candidates of about equal worth, and little for a useless one. The scale of the average is
    the preferred power of ``1 - predicted`` whose width is within 5 % of the narrowest; then
    the prediction is moved to where the interval is narrowest (`width_centre`).
    Guarantee: none by itself; nothing here sees a calibration patient.
    """
    features = feature_columns(table)
    folds = min(FOLDS, table["patient_id"].nunique())
    if len(table) < SMALLEST_FIT or folds < 2:
        return _median_quality(table, features)
    if candidates is None:
        candidates = default_candidates(features, len(table) - len(table) // folds, seed)
    dice, logits, narrowest = table["dice"].to_numpy(), [], []
    choice: dict[str, float] = {}
    for name, model in candidates.items():
        if progress is not None:
            progress(name)
        logits.append(_out_of_fold(model, table, features, folds))
        widths = widths_by_power(dice, expit(logits[-1]), miscoverage)
        choice |= {f"{name}, power {power}": width for power, width in widths.items()}
        narrowest.append(min(widths.values()))
    weights = _weights(narrowest)
    predicted = expit(np.average(logits, axis=0, weights=weights))
    widths = widths_by_power(dice, predicted, miscoverage)
    if len(candidates) > 1:
        choice |= {f"average, power {power}": width for power, width in widths.items()}
    power = preferred_power(widths)
    scale = power_scale(predicted, power)
    centre = width_centre(dice, predicted, scale, miscoverage)
    name, model = _average(candidates, weights)
    fitted = FittedQuality(
        name=name,
        features=tuple(features),
        model=_fitted(model, table, features),
        power=power,
        centre=centre,
        choice=choice,
    )
    return fitted, _frame(table, *_centred(predicted, scale, centre))


def _weights(widths: list[float]) -> NDArray[np.float64]:
    positive = np.maximum(widths, 1e-9)  # a constant Dice is predicted exactly
    weights = (positive / positive.min()) ** -SHARPNESS
    return np.asarray(weights / weights.sum())


def _average(candidates: Mapping[str, Any], weights: NDArray[np.float64]) -> tuple[str, Any]:
    from sklearn.ensemble import VotingRegressor

    if len(candidates) == 1:
        return next(iter(candidates.items()))
    name = " + ".join(
        f"{weight:.2f} {one}" for one, weight in zip(candidates, weights, strict=True)
    )
    return name, VotingRegressor(list(candidates.items()), weights=weights.tolist())


def _target(table: pd.DataFrame) -> NDArray[np.float64]:
    return np.asarray(logit(np.clip(table["dice"].to_numpy(), EDGE, 1.0 - EDGE)))


def _fitted(model: Any, table: pd.DataFrame, features: list[str]) -> Any:
    from sklearn.base import clone

    return clone(model).fit(table[[*features, "structure"]], _target(table))


def _out_of_fold(
    model: Any, table: pd.DataFrame, features: list[str], folds: int
) -> NDArray[np.float64]:
    from sklearn.model_selection import GroupKFold, cross_val_predict

    return np.asarray(
        cross_val_predict(
            model,
            table[[*features, "structure"]],
            _target(table),
            groups=table["patient_id"],
            cv=GroupKFold(folds),
        ),
        dtype=np.float64,
    )


def _centred(
    predicted: NDArray[np.float64], scale: NDArray[np.float64], centre: float
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    return np.clip(predicted + centre * scale, 0.0, 1.0), scale


def _median_quality(table: pd.DataFrame, features: list[str]) -> tuple[FittedQuality, pd.DataFrame]:
    from sklearn.dummy import DummyRegressor

    target = _target(table) if len(table) else np.zeros(1)
    model = DummyRegressor(strategy="median").fit(np.zeros((len(target), 1)), target)
    fitted = FittedQuality("median", tuple(features), model, 0.0, 0.0, {})
    return fitted, _frame(table, *fitted.predict(table))


def _frame(
    table: pd.DataFrame, predicted: NDArray[np.float64], scale: NDArray[np.float64]
) -> pd.DataFrame:
    return pd.DataFrame({"predicted_dice": predicted, "scale": scale}, index=table.index)
