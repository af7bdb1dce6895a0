"""What a verified merge does to patients that neither fit nor calibrated, split by split."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from scipy.stats import binom
from sklearn.base import clone

from segqc_conformal.evaluation.bootstrap import patient_counts, percentile_interval
from segqc_conformal.features.table import feature_columns
from segqc_conformal.quality.regressor import QualityRegressor
from segqc_conformal.review import CalibratedRefinementCheck, HarmThreshold
from segqc_conformal.review.calibrated_check import region_rows
from segqc_conformal.review.merged_outcome import scored_regions
from segqc_conformal.review.refinement_check import certified_check, region_advantage

REJECTED_AT = 0.01
MODEL = QualityRegressor("boosted", support=None)  # there are thousands of regions to fit


class Split(NamedTuple):
    """One split: whether it certified, accepted regions, and one row per test patient."""

    certified: bool
    share_of_regions: float
    patients: pd.DataFrame


def measure_split(
    regions: pd.DataFrame, promises: Sequence[HarmThreshold], seed: int, fit: int, calibrate: int
) -> list[Split]:
    """Fit on some patients, calibrate each promise on others, and merge the masks of the rest."""
    names = np.random.default_rng(seed).permutation(np.sort(regions["patient_id"].unique()))
    cuts = (names[:fit], names[fit : fit + calibrate], names[fit + calibrate :])
    known, others, new = (regions[regions["patient_id"].isin(part)] for part in cuts)
    rows = region_rows(known, feature_columns(regions))
    model = clone(MODEL).fit(rows, region_advantage(known), known["patient_id"])
    return [_merged(certified_check(each, model, known, others), new) for each in promises]


def _merged(check: CalibratedRefinementCheck, new: pd.DataFrame) -> Split:
    judged, found, rows = check.judge(new), check.certificate, {}
    scored = scored_regions(judged, judged["score"])
    strictest = np.inf if found.threshold is None else found.threshold
    for what, threshold in (("merged", strictest), ("all", -np.inf)):
        changes = scored.changes(threshold)
        rows[f"{what}_change"] = changes.sum(axis=1) / (len(scored.names) - 1)  # less background
        rows[f"{what}_harmed"] = changes.min(axis=1) < -found.allowed_fall
        rows[f"{what}_touched"] = scored.accepted(threshold)
    patients = pd.DataFrame(rows, judged["patient_id"].unique())
    return Split(found.certified, float(judged["accept"].mean()), patients)


def summary(splits: list[Split], tolerated_harm: float) -> dict[str, Any]:
    """Return the figures of one candidate and promise."""
    certified = [split.patients for split in splits if split.certified]
    pooled = pd.concat([split.patients for split in splits])
    by_patient = pooled.groupby(level=0)[["merged_change", "all_change"]].mean()
    by_patient["difference"] = by_patient["merged_change"] - by_patient["all_change"]
    touched = [each.loc[each["merged_touched"], "merged_harmed"] for each in certified]
    return {
        "splits": len(splits),
        "patients": len(by_patient),
        "certified": len(certified) / len(splits),
        "regions": float(np.mean([split.share_of_regions for split in splits])),
        "touched": float(pooled["merged_touched"].mean()),
        "harmed": float(pd.concat(touched).mean()) if touched else None,
        "harmed_all": float(pooled["all_harmed"].mean()),
        "above": sum(bool(each.mean() > tolerated_harm) for each in touched),
        "rejected": sum(_rejected(each, tolerated_harm) for each in touched),
        **{name: _interval(by_patient[name]) for name in by_patient},
    }


def _rejected(harmed: pd.Series, tolerated_harm: float) -> bool:
    chance = binom.sf(harmed.sum() - 1, len(harmed), tolerated_harm)
    return bool(len(harmed) and chance <= REJECTED_AT)


def _interval(values: pd.Series) -> list[float]:
    counts = patient_counts(values.index.to_numpy())
    drawn = counts @ values.to_numpy() / counts.sum(axis=1)
    return [float(values.mean()), *percentile_interval(drawn)]
