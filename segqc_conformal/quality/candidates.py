"""The scikit-learn models from which the default quality predictor is chosen."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

__all__ = ["default_candidates", "scale_model"]

AGREEMENT = ("pairwise_dice", "soft_dice_confidence", "predictive_entropy", "volume_ml")


def default_candidates(features: Sequence[str], rows: int, seed: int = 0) -> dict[str, Any]:
    """Return the models to choose from, by name.

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
        Unfitted scikit-learn regressors on a DataFrame: ridge on all features, ridge on the
        few agreement features that the literature ranks first (where the table has them), and a
        random forest.

    Notes
    -----
    Guarantee: none; a poor model gives valid, wide intervals.
    """
    from sklearn.ensemble import RandomForestRegressor

    few = [f"feature_{name}" for name in AGREEMENT if f"feature_{name}" in features]
    candidates = {"ridge": _ridge(list(features), rows)}
    if few and len(few) < len(features):
        candidates["ridge_agreement"] = _ridge(few, rows)
    candidates["forest"] = _after(
        _columns(list(features), rows, scaled=False),
        RandomForestRegressor(n_estimators=200, min_samples_leaf=3, max_features=0.5,
                              random_state=seed),
    )
    return candidates


def scale_model(features: Sequence[str], rows: int) -> Any:
    """Return an unfitted model of the log absolute error."""
    from sklearn.linear_model import RidgeCV

    return _after(_columns(list(features), rows), RidgeCV(alphas=np.logspace(0, 4, 9)))


def _ridge(features: list[str], rows: int) -> Any:
    from sklearn.linear_model import RidgeCV

    return _after(_columns(features, rows), RidgeCV(alphas=np.logspace(-2, 3, 11)))


def _after(columns: Any, model: Any) -> Any:
    from sklearn.pipeline import make_pipeline

    return make_pipeline(columns, model)


def _columns(features: list[str], rows: int, scaled: bool = True) -> Any:
    from sklearn.compose import make_column_transformer
    from sklearn.preprocessing import OneHotEncoder, QuantileTransformer

    # volumes and entropies are heavily skewed: ranks make a linear model robust to single cases
    numbers = QuantileTransformer(
        n_quantiles=max(2, min(rows // 2, 100)), output_distribution="normal", random_state=0
    ) if scaled else "passthrough"
    return make_column_transformer(
        (numbers, features), (OneHotEncoder(handle_unknown="ignore"), ["structure"])
    )
