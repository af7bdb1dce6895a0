"""Intervals of a gate from 20 to 39 labelled patients, of whom none can be spared to calibrate."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd

from segqc_conformal.calibrators.cross_conformal import (
    CrossConformalCertificate,
    CrossConformalInterval,
)
from segqc_conformal.features.table import feature_columns
from segqc_conformal.quality.candidates import default_candidates
from segqc_conformal.quality.predictor import EDGE
from segqc_conformal.whole_case import with_smallest_features

__all__ = ["FEWEST", "cross_conformal"]

FEWEST = 20  # labelled patients; below, every interval is [0, 1]


def cross_conformal(
    tuning: pd.DataFrame, together: Mapping[str, Sequence[str]], miscoverage: float, seed: int
) -> dict[str, CrossConformalCertificate]:
    """Calibrate a cross-conformal interval for each structure, subset and the whole case.

    Parameters
    ----------
    tuning : DataFrame
        Rows of the labelled patients, one case each, rows of subsets and whole cases among them.
    together : mapping of str to sequence of str
        Rows that stand for several structures: their names, and the structures.
    miscoverage : float
        alpha in (0, 1).
    seed : int

    Returns
    -------
    dict of str to CrossConformalCertificate
        By structure.

    Notes
    -----
    One fixed model is used (ridge on the logit of Dice), since nothing may be chosen by the labels
    that calibrate. A row of several structures has the smallest value of each feature.
    Guarantee: that of `CrossConformalInterval` in its minmax form, for each structure by itself.
    """
    settings = CrossConformalInterval(miscoverage, method="minmax", seed=seed)
    rows = with_smallest_features(tuning, together)
    rows = rows[rows["predicted_dice"].notna()]
    features = feature_columns(rows)
    candidates = default_candidates(features, tuning["case_id"].nunique(), seed)
    # the first needs one feature; a table of a user's own features may lack it
    model = candidates.get("ridge_soft_dice", candidates["ridge"])
    return {
        str(name): settings.calibrate(
            _on_the_logit(model), part[[*features, "structure"]], part["dice"]
        )
        for name, part in rows.groupby("structure", sort=False)
    }


def _on_the_logit(model: Any) -> Any:
    import numpy as np
    from scipy.special import expit, logit
    from sklearn.compose import TransformedTargetRegressor
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import FunctionTransformer

    inside = FunctionTransformer(
        np.clip, kw_args={"a_min": EDGE, "a_max": 1.0 - EDGE}, check_inverse=False
    )
    to_logit = FunctionTransformer(logit, inverse_func=expit, check_inverse=False)
    return TransformedTargetRegressor(
        model, transformer=make_pipeline(inside, to_logit), check_inverse=False
    )
