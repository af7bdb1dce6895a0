"""From feature columns to what a scikit-learn model reads."""

from __future__ import annotations

from typing import Any

import numpy as np

__all__ = ["model_columns"]

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
        *(f"reverse_dice_{part}" for part in ("max", "mean", "median", "q25", "q75", "min")),
        "sample_dice_mean",
        "sample_dice_min",
        "soft_dice_confidence",
    )
)
UNIT_EDGE = 0.005  # shares are pulled this far inside (0, 1) before the logit


def model_columns(features: list[str], rows: int, scaled: bool = True) -> Any:
    """Return the transformer from a feature table to the columns of a model.

    Parameters
    ----------
    features : list of str
        Feature columns; ``structure`` is added, one column for each.
    rows : int
        Number of rows to be fitted on.
    scaled : bool
        Whether shares become standardised logits and all else normal ranks, as linear models want;
        trees take features as they are.

    Returns
    -------
    transformer
        Unfitted, of scikit-learn.

    Notes
    -----
    Guarantee: none.
    """
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
