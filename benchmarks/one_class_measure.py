"""One split of the patients: whom each one-class model flags, among cases of every kind."""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
from predictors_measure import DataSet
from scipy.stats import betabinom

import segqc_conformal as sq
from segqc_conformal.calibrators.conformal_p_value import alarm_rank
from segqc_conformal.features.table import feature_columns
from segqc_conformal.whole_case import deciding_rows, worst_dice

METHODS = ("mahalanobis", "nearest", "svm", "forest")
DICE_THRESHOLD, FALSE_ALARM, SEVERE = 0.8, 0.05, 0.5
SHAPE = tuple(
    f"feature_{name}"
    for name in (
        *("log_volume", "component_count", "extent", "largest_component_share"),
        *("sphericity", "surface_to_volume"),
    )
)


def feature_sets(table: pd.DataFrame) -> dict[str, tuple[str, ...]]:
    """Return the columns of shape, of uncertainty, and of both."""
    every = [name for name in feature_columns(table) if name != "feature_volume_ml"]
    uncertainty = tuple(name for name in every if name not in SHAPE)
    return {"shape": SHAPE, "uncertainty": uncertainty, "both": tuple(every)}


def measure_split(data: DataSet, faults: Mapping[str, tuple[str, float]], seed: int) -> Any:
    """Calibrate each model on good clean cases, and judge all versions of the test patients.

    `faults` names kind and strength of each degraded case.
    """
    warnings.simplefilter("ignore")
    known, test, fit = parts_of(data, seed)
    found = []
    for name, columns in feature_sets(data.table).items():
        for method in METHODS:
            settings = sq.OneClass(method, columns, DICE_THRESHOLD, FALSE_ALARM, seed)
            calibrated = settings.calibrate(known, fit)
            patients = calibrated.patients(calibrated.structures[-1])
            judged = judged_cases(calibrated, test, faults)
            found.append(
                {
                    "method": method,
                    "features": name,
                    "patients": patients,
                    "inside": _inside_band(judged[judged["place"] == "clean, good"], patients),
                    "counts": _counts(judged, "place"),
                    "faults": _counts(judged, "fault"),
                }
            )
    return found


def parts_of(data: DataSet, seed: int) -> tuple[pd.DataFrame, pd.DataFrame, list[str]]:
    """Draw the clean rows that fit and calibrate, the test rows of all versions, and who fits."""
    table = data.table
    known = table[table["version"] != data.shifted]
    order = np.random.default_rng([seed, 0]).permutation(sorted(known["patient_id"].unique()))
    ends = np.cumsum([data.fit, data.calibration, data.test])
    fit, calibration, test = np.split(order, ends)[:3]
    clean = table["version"] == "clean"
    shifted = table["version"] == data.shifted
    foreign = shifted & ~table["patient_id"].isin(order)  # shifted cases of patients of their own
    return (
        table[clean & table["patient_id"].isin([*fit, *calibration])],
        table[table["patient_id"].isin(test) | foreign],
        list(fit),
    )


def judged_cases(
    calibrated: sq.CalibratedOneClass, test: pd.DataFrame, faults: Mapping[str, tuple[str, float]]
) -> pd.DataFrame:
    """Return one row per case: flagged or not, where it belongs, and its fault."""
    judged = calibrated.judge(test)
    rows = judged[deciding_rows(judged)].set_index("case_id")
    good = worst_dice(test).reindex(rows.index) > DICE_THRESHOLD
    version = test.groupby("case_id")["version"].first().reindex(rows.index)
    kind = [faults.get(case, ("", 0.0)) for case in rows.index]
    return pd.DataFrame(
        {
            "flagged": rows["flagged"],
            "bad": ~good,
            "place": version + np.where(good, ", good", ", bad"),
            "fault": [
                f"{name}, {'severe' if strength >= SEVERE else 'mild'}" if name else ""
                for name, strength in kind
            ],
        }
    )


def summary(splits: Sequence[Sequence[dict[str, Any]]]) -> list[dict[str, Any]]:
    """Add up the splits, one row for each method and feature set."""
    rows = []
    for each in zip(*splits, strict=True):
        counts = {key: _added(each, key) for key in ("counts", "faults")}
        first = {key: each[0][key] for key in ("method", "features")}
        inside = float(np.mean([one["inside"] for one in each]))
        patients = float(np.mean([one["patients"] for one in each]))
        rows.append({**first, "patients": patients, "inside": inside, **counts})
    return rows


def _added(splits: Sequence[dict[str, Any]], key: str) -> dict[str, list[int]]:
    places = sorted({place for one in splits for place in one[key]})
    nothing = [0, 0, 0]
    return {
        place: np.sum([one[key].get(place, nothing) for one in splits], axis=0).tolist()
        for place in places
    }


def _counts(judged: pd.DataFrame, column: str) -> dict[str, list[int]]:
    """Return how many were flagged, how many were bad, and how many there were."""
    named = judged[judged[column] != ""].groupby(column)
    return {
        str(place): [int(rows["flagged"].sum()), int(rows["bad"].sum()), len(rows)]
        for place, rows in named
    }


def _inside_band(good: pd.DataFrame, patients: int) -> bool:
    """Say whether the false alarms of a split lie within their exact 95 % band."""
    rank = alarm_rank(patients, FALSE_ALARM)
    low, high = betabinom(len(good), rank, patients + 1 - rank).ppf([0.025, 0.975])
    return bool(low <= good["flagged"].sum() <= high)
