"""The scikit-learn models that the default quality predictor averages."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from segqc_conformal.quality.columns import model_columns

__all__ = ["default_candidates"]

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
    from sklearn.pipeline import make_pipeline

    candidates = {}
    for name, subset in SUBSETS.items():
        few = [f"feature_{feature}" for feature in subset if f"feature_{feature}" in features]
        if len(few) == len(subset) < len(features):
            candidates[name] = _ridge(few, rows)
    candidates["ridge"] = _ridge(list(features), rows)
    candidates["forest"] = make_pipeline(
        model_columns(list(features), rows, scaled=False),
        ExtraTreesRegressor(
            n_estimators=100, min_samples_leaf=3, max_features=0.5, random_state=seed
        ),
    )
    return candidates


def _ridge(features: list[str], rows: int) -> Any:
    from sklearn.linear_model import RidgeCV
    from sklearn.pipeline import make_pipeline

    return make_pipeline(model_columns(features, rows), RidgeCV(alphas=np.logspace(-2, 3, 11)))
