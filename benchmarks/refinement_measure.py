"""What a verified merge does to patients that neither fit nor calibrated, split by split."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from scipy.stats import binom

from segqc_conformal.evaluation.bootstrap import patient_counts, percentile_interval
from segqc_conformal.review import HarmThreshold, RefinementCheck
from segqc_conformal.review.merged_outcome import scored_regions

REJECTED_AT = 0.01


class Split(NamedTuple):
    """One split: whether it certified, accepted regions, and one row per test patient."""

    certified: bool
    share_of_regions: float
    patients: pd.DataFrame


def measure_split(
    regions: pd.DataFrame, promise: HarmThreshold, seed: int, fit: int, calibrate: int
) -> Split:
    """Fit and calibrate on some patients, and merge the masks of the others."""
    names = np.random.default_rng(seed).permutation(np.sort(regions["patient_id"].unique()))
    known = regions["patient_id"].isin(names[: fit + calibrate])
    check = RefinementCheck(promise).calibrate(regions[known], fit_patients=names[:fit])
    judged = check.judge(regions[~known])
    scored = scored_regions(judged, judged["score"])
    found, rows = check.certificate.threshold, {}
    for what, threshold in (("merged", np.inf if found is None else found), ("all", -np.inf)):
        changes = scored.changes(threshold)
        rows[f"{what}_change"] = changes.sum(axis=1) / (len(scored.names) - 1)  # less background
        rows[f"{what}_harmed"] = changes.min(axis=1) < -promise.allowed_fall
        rows[f"{what}_touched"] = scored.accepted(threshold)
    patients = judged["patient_id"].unique()
    return Split(found is not None, float(judged["accept"].mean()), pd.DataFrame(rows, patients))


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
