"""The same intervals by MAPIE and crepes, and MAPIE's accept threshold at its best setting."""

from __future__ import annotations

import logging
import math
import warnings
from typing import Any

import numpy as np
from guarantees_worlds import Array, Sample
from mapie.conformity_scores import AbsoluteConformityScore, ResidualNormalisedScore
from mapie.regression import ConformalizedQuantileRegressor, SplitConformalRegressor
from mapie.risk_control import BinaryClassificationController
from mapie.risk_control import precision as mapie_precision
from sklearn.base import BaseEstimator, RegressorMixin

LEVEL = 0.9
Ends = tuple[Array, Array]


class Column(RegressorMixin, BaseEstimator):
    """Predictions that are already there: a column of the features."""

    def __init__(self, column: int = 0) -> None:
        self.column = column
        self.is_fitted = True

    def fit(self, x: Any, y: Any = None) -> Column:
        return self

    def predict(self, x: Any) -> Any:
        return np.asarray(x)[:, self.column]

    def __sklearn_is_fitted__(self) -> bool:
        return True


def mapie_absolute(cal: Sample, new: Sample) -> Ends:
    return _split(cal, new, "absolute")


def mapie_normalised(cal: Sample, new: Sample) -> Ends:
    scale = ResidualNormalisedScore(residual_estimator=Column(1), prefit=True)
    return _split(cal, new, scale)


def mapie_lower(cal: Sample, new: Sample) -> Ends:
    """The lower end of the asymmetric interval at twice the miscoverage."""
    low, _ = _split(cal, new, AbsoluteConformityScore(sym=False), 2 * LEVEL - 1)
    return low, np.ones(low.size)


def _split(cal: Sample, new: Sample, conformity: Any, level: float = LEVEL) -> Ends:
    found = SplitConformalRegressor(Column(0), level, conformity)
    found.conformalize(np.c_[cal.predicted, cal.scale], cal.dice)
    return _ends(found.predict_interval(np.c_[new.predicted, new.scale])[1])


def mapie_quantiles(cal: Sample, new: Sample) -> Ends:
    # MAPIE reports on the root logger whenever predicted quantiles cross
    logging.disable(logging.INFO)
    found = ConformalizedQuantileRegressor([Column(0), Column(1), Column(2)], LEVEL, prefit=True)
    found.conformalize(_quantile_columns(cal), cal.dice)
    return _ends(found.predict_interval(_quantile_columns(new), symmetric_correction=True)[1])


def _quantile_columns(sample: Sample) -> Array:
    f, s = sample.predicted, sample.scale
    return np.c_[f - s, f + s, f]


def _ends(intervals: Any) -> Ends:
    return intervals[:, 0, 0], intervals[:, 1, 0]


def crepes_absolute(cal: Sample, new: Sample) -> Ends:
    return crepes_interval(cal, new)


def crepes_normalised(cal: Sample, new: Sample) -> Ends:
    return crepes_interval(cal, new, scaled=True)


def crepes_interval(
    cal: Sample, new: Sample, *, scaled: bool = False, bins: tuple[Any, Any] | None = None
) -> Ends:
    from crepes import ConformalRegressor

    scales = (cal.scale, new.scale) if scaled else (None, None)
    cal_bins, new_bins = bins or (None, None)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # it warns where patients are too few
        found = ConformalRegressor().fit(cal.dice - cal.predicted, scales[0], cal_bins)
        both = found.predict_int(
            new.predicted, scales[1], new_bins, confidence=LEVEL, y_min=0.0, y_max=1.0
        )
    return both[:, 0], both[:, 1]


def mapie_threshold(score: Array, good: Any, alpha: float, confidence: float) -> float:
    """MAPIE's accept threshold, default grid and Bonferroni, its best setting; NaN: none."""
    controller = BinaryClassificationController(
        lambda x: np.c_[1 - x[:, 0], x[:, 0]],
        mapie_precision,
        target_level=1 - alpha,
        confidence_level=confidence,
        fwer_method="bonferroni",
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # it warns where nothing is certified
        controller.calibrate(score[:, None], good.astype(int))
    best = controller.best_predict_param
    return math.nan if best is None else float(best)
