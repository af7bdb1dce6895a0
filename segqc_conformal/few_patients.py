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
from segqc_conformal.whole_case import largest_of, with_extreme_features

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
    that calibrate. It reads Soft Dice Confidence where the table has it, of several structures
    the smallest; else all features, of several structures the smallest and largest of each: which
    of the two is the worst structure's is not known without labels.
    Guarantee: that of `CrossConformalInterval` in its minmax form, for each structure by itself.
    """
    settings = CrossConformalInterval(miscoverage, method="minmax", seed=seed)
    rows = with_extreme_features(tuning, together)
    rows = rows[rows["predicted_dice"].notna()]
    single = feature_columns(rows)
    several = [*single, *map(largest_of, single)]
    found = {}
    for name, part in rows.groupby("structure", sort=False):
        features = several if name in together else single
        model = _model(features, tuning["case_id"].nunique(), seed)
        found[str(name)] = settings.calibrate(model, part[[*features, "structure"]], part["dice"])
    return found


def _model(features: list[str], patients: int, seed: int) -> Any:
    candidates = default_candidates(features, patients, seed)
    # the first needs one feature; a table of a user's own features may lack it
    return _on_the_logit(candidates.get("ridge_soft_dice", candidates["ridge"]))


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
