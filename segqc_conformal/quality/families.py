"""Families of scikit-learn models that predict quality from features."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from segqc_conformal.errors import InputError
from segqc_conformal.quality.columns import model_columns

__all__ = ["FAMILIES", "PROBABILITY_FAMILIES", "family_model"]

# simplest first
FAMILIES = ("linear", "lasso", "gaussian_process", "forest", "boosted")
PROBABILITY_FAMILIES = ("logistic", "forest", "boosted")
TREES = {"n_estimators": 100, "min_samples_leaf": 3, "max_features": 0.5}
BOOSTED = {"max_iter": 150, "learning_rate": 0.05, "max_leaf_nodes": 8, "min_samples_leaf": 10}
PENALTIES = np.logspace(-2, 3, 11)


def family_model(
    family: str,
    features: Sequence[str],
    rows: int,
    seed: int,
    *,
    probability: bool = False,
    inner_folds: Any = 5,
) -> Any:
    """Return an unfitted scikit-learn model.

    Parameters
    ----------
    family : str
        One of `FAMILIES`; with `probability` one of `PROBABILITY_FAMILIES`.
    features : sequence of str
        Feature columns; the model also reads ``structure``.
    rows : int
        Number of rows to be fitted on.
    seed : int
    probability : bool
        Whether a classifier is wanted, whose probability is the prediction.
    inner_folds : int or list of (train, test)
        By which penalties are chosen: whole patients together, if patients repeat.

    Returns
    -------
    estimator
        linear: ridge, its penalty by leaving rows out one by one. lasso: its penalty by
        `inner_folds`. gaussian_process: one length for all features, and noise. forest: extremely
        randomised trees. boosted: trees on histograms. logistic: ridge penalty by `inner_folds`.

    Raises
    ------
    InputError
        For another family.

    Notes
    -----
    Guarantee: none.
    """
    from sklearn.pipeline import make_pipeline

    known = PROBABILITY_FAMILIES if probability else FAMILIES
    if family not in known:
        raise InputError(
            f"a family among {known}" + (" for a probability" if probability else ""),
            repr(family),
            "choose one of them",
        )
    scaled = family not in ("forest", "boosted")
    columns = model_columns(list(features), rows, scaled=scaled)
    model = _classifier if probability else _regressor
    return make_pipeline(columns, model(family, seed, inner_folds))


def _regressor(family: str, seed: int, inner_folds: Any) -> Any:
    from sklearn.ensemble import ExtraTreesRegressor, HistGradientBoostingRegressor
    from sklearn.gaussian_process import GaussianProcessRegressor
    from sklearn.gaussian_process.kernels import RBF, ConstantKernel, WhiteKernel
    from sklearn.linear_model import LassoCV, RidgeCV

    if family == "linear":
        return RidgeCV(alphas=PENALTIES)
    if family == "lasso":
        return LassoCV(alphas=30, cv=inner_folds, random_state=seed, max_iter=5_000)
    if family == "gaussian_process":
        kernel = ConstantKernel() * RBF(5.0, (0.5, 100.0)) + WhiteKernel(0.5, (1e-3, 10.0))
        return GaussianProcessRegressor(kernel, normalize_y=True, random_state=seed)
    if family == "forest":
        return ExtraTreesRegressor(**TREES, random_state=seed)
    return HistGradientBoostingRegressor(**BOOSTED, random_state=seed)


def _classifier(family: str, seed: int, inner_folds: Any) -> Any:
    from sklearn.ensemble import ExtraTreesClassifier, HistGradientBoostingClassifier
    from sklearn.linear_model import LogisticRegressionCV

    if family == "forest":
        return ExtraTreesClassifier(**TREES, random_state=seed)
    if family == "boosted":
        return HistGradientBoostingClassifier(**BOOSTED, random_state=seed)
    penalties = 1.0 / PENALTIES[::-2]
    return LogisticRegressionCV(
        Cs=penalties,
        l1_ratios=(0.0,),
        cv=inner_folds,
        scoring="neg_log_loss",
        max_iter=2_000,
        random_state=seed,
        use_legacy_attributes=False,
    )
