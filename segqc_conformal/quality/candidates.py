"""The scikit-learn models that the default quality predictor averages."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

__all__ = ["default_candidates"]

# Shares and Dice coefficients: their logit is nearly linear in the logit of the true Dice, far into
# the failures, where ranks would flatten out.
UNIT_FEATURES = frozenset(
    f"feature_{name}"
    for name in (
        "iou_all",
        "largest_component_share",
        "mean_probability",
        "pairwise_dice",
        "pairwise_dice_min",
        "probability_outside",
        "sample_dice_mean",
        "sample_dice_min",
        "soft_dice_confidence",
    )
)
UNIT_EDGE = 0.005  # shares are pulled this far inside (0, 1) before the logit
SUBSETS = {
    "ridge_soft_dice": ("soft_dice_confidence",),
    "ridge_agreement": (
        "iou_all",
        "mean_probability",
        "mutual_information",
        "pairwise_dice",
        "pairwise_dice_min",
        "predictive_entropy",
        "probability_outside",
        "sample_dice_min",
        "soft_dice_confidence",
        "volume_cv",
        "volume_ml",
    ),
}


def default_candidates(features: Sequence[str], rows: int, seed: int = 0) -> dict[str, Any]:
    """Return the models to average, by name.

    Parameters
    ----------
    features : sequence of str
        Feature columns; the models also see a ``structure`` column.
    rows : int
        Number of rows to be fitted on.
    seed : int
        Seed of the forest.

    Returns
    -------
    dict of str to estimator
        Unfitted scikit-learn regressors on a DataFrame: ridge on Soft Dice Confidence alone, on
        the agreement of the samples (each where the table has these features), on all features, and
        a forest of extremely randomised trees; simplest first.

    Notes
    -----
    Guarantee: none; a poor model gives valid, wide intervals.
    Source: found on patients set aside for choosing, see ``docs/benchmarks.md``.
    """
    from sklearn.ensemble import ExtraTreesRegressor

    candidates = {}
    for name, subset in SUBSETS.items():
        few = [f"feature_{feature}" for feature in subset if f"feature_{feature}" in features]
        if len(few) == len(subset) < len(features):
            candidates[name] = _ridge(few, rows)
    candidates["ridge"] = _ridge(list(features), rows)
    candidates["forest"] = _after(
        _columns(list(features), rows, scaled=False),
        ExtraTreesRegressor(
            n_estimators=100, min_samples_leaf=3, max_features=0.5, random_state=seed
        ),
    )
    return candidates


def _ridge(features: list[str], rows: int) -> Any:
    from sklearn.linear_model import RidgeCV

    return _after(_columns(features, rows), RidgeCV(alphas=np.logspace(-2, 3, 11)))


def _after(columns: Any, model: Any) -> Any:
    from sklearn.pipeline import make_pipeline

    return make_pipeline(columns, model)


def _columns(features: list[str], rows: int, scaled: bool = True) -> Any:
    from sklearn.compose import make_column_transformer
    from sklearn.preprocessing import OneHotEncoder

    structure = (OneHotEncoder(handle_unknown="ignore"), ["structure"])
    if not scaled:
        return make_column_transformer(("passthrough", features), structure)
    shares = [feature for feature in features if feature in UNIT_FEATURES]
    others = [feature for feature in features if feature not in UNIT_FEATURES]
    parts = [(_logit_scaler(), shares)] if shares else []
    parts += [(_rank_scaler(rows), others)] if others else []
    return make_column_transformer(*parts, structure)


def _logit_scaler() -> Any:
    from scipy.special import logit
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import FunctionTransformer, StandardScaler

    inside = FunctionTransformer(np.clip, kw_args={"a_min": UNIT_EDGE, "a_max": 1.0 - UNIT_EDGE})
    return make_pipeline(inside, FunctionTransformer(logit), StandardScaler())


def _rank_scaler(rows: int) -> Any:
    from sklearn.preprocessing import QuantileTransformer

    # volumes and entropies are heavily skewed: ranks make a linear model robust to single cases
    return QuantileTransformer(
        n_quantiles=max(2, min(rows // 2, 100)), output_distribution="normal", random_state=0
    )
