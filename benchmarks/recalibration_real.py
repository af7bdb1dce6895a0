"""Real volumes and tiles whose kind changes: streams of days, and recalibration on fresh patients.

Who fits and who calibrates is drawn anew in every split; no patient does two things in one.
Fewer fit and calibrate than in `monitors_real`, so that patients are left for the new labels.
"""

from __future__ import annotations

import warnings
from collections import Counter
from typing import Any

import numpy as np
import pandas as pd
from joblib import Parallel, delayed
from monitors_real import (
    DATA_SETS,
    DICE_THRESHOLD,
    TOLERATED_ERROR,
    DataSet,
    Split,
    drawn_split,
)
from recalibration_fresh import SIZES, on_fresh_patients
from recalibration_law import real_row
from recalibration_phases import PHASES, phase_row
from recalibration_stream import LABELS, streamed

import segqc_conformal as sq
from segqc_conformal.features.table import feature_columns
from segqc_conformal.quality.candidates import default_candidates

SIZES_OF = {
    "hippocampus": {"fit": 40, "calibration": 60, "quiet": 20},
    "nuclei": {"fit": 150, "calibration": 150, "quiet": 60},
}
CANDIDATE = "ridge_agreement"  # a forest takes most of the time to save and load
WHO = ("ours", "stale")
REFERRED = 4  # splits streamed again with every case referred under WATCH


def measured(splits: int, streams: int, seed: int, processes: int) -> dict[str, Any]:
    """Recalibrate in all splits of every data set, and stream days in the first of them."""
    found = {}
    for name, sizes in SIZES_OF.items():
        data = DATA_SETS[name]._replace(**sizes)
        table = data.table()
        results = Parallel(n_jobs=processes, verbose=1)(
            delayed(_quietly)(data, table, seed + split, split < streams, split < REFERRED)
            for split in range(splits)
        )
        found[name] = {**sizes, **summary(results)}
    return found


def _quietly(
    data: DataSet, table: pd.DataFrame, seed: int, stream: bool, refer: bool
) -> dict[str, Any]:
    warnings.simplefilter("ignore")  # quality predictors that are not chosen may not converge
    return split_of(data, table, seed, stream, refer)


def split_of(
    data: DataSet, table: pd.DataFrame, seed: int, stream: bool, refer: bool
) -> dict[str, Any]:
    """Calibrate on some patients; recalibrate on others, and let them come day by day."""
    rng = np.random.default_rng(seed)
    split = drawn_split(data, table, rng)
    gate = calibrated(split)
    new = table[table["version"] == data.changed]
    fresh = new[~new["patient_id"].isin(split.labelled["patient_id"])]
    found: dict[str, Any] = {"fresh": on_fresh_patients(gate, fresh, rng, checked=stream)}
    if stream:
        found["stream"] = streamed(split, gate, rng)
    if refer:
        found["refer"] = streamed(split, gate, rng, on_watch="refer")
    return found


def calibrated(split: Split) -> sq.CalibratedGate:
    """Calibrate the gate with which a split begins, on one fast candidate of the default ones."""
    fit = split.labelled[split.labelled["patient_id"].isin(split.fit_patients)]
    candidates = default_candidates(feature_columns(fit), 4 * len(fit) // 5)  # rows in each fold
    settings = sq.QualityGate(dice_threshold=DICE_THRESHOLD, tolerated_error=TOLERATED_ERROR)
    one = {CANDIDATE: candidates[CANDIDATE]}
    return settings.calibrate(split.labelled, split.fit_patients, candidates=one)


def summary(splits: list[dict[str, Any]]) -> dict[str, Any]:
    """Figures of one data set."""
    streams = [each["stream"] for each in splits if "stream" in each]
    refer = [each["refer"] for each in splits if "refer" in each]
    return {
        "fresh": {str(size): fresh_row([each["fresh"][size] for each in splits]) for size in SIZES},
        "streams": len(streams),
        "phases": {phase: phase_row(streams, phase) for phase in PHASES},
        "refer": {"streams": len(refer), **phase_row(refer, "under")},
        **noticed(streams),
    }


def fresh_row(repeats: list[dict[str, Any]]) -> dict[str, Any]:
    """Figures of recalibrations on one number of fresh patients."""
    versions = [each for each in repeats if "version" in each]
    return {
        **{who: real_row([each[who] for each in repeats]) for who in WHO},
        "checked": len(versions),
        "same": sum(each["version"] == each["ours"] for each in versions),
        "vetoed": sum(each["version"] is None for each in versions),
        "certified": sum(each["certified"] for each in versions),
    }


def noticed(streams: list[dict[str, Any]]) -> dict[str, Any]:
    """What streams came to: alarms, labels, and what recalibration did."""
    alarms = [each for each in streams if each["alarm"] and not each["early"]]
    delays = [each["phases"]["changed"]["cases"] for each in alarms]
    outcomes = [each.get("outcome", "too few") for each in alarms]
    after = [each["certified"][1] for each in alarms if each.get("outcome") == "recalibrated"]
    return {
        "wanted": LABELS,
        "early": sum(each["early"] for each in streams),
        "first": dict(Counter(each["alarm"] for each in alarms)),
        "delay": [float(np.quantile(delays, q)) for q in (0.05, 0.5, 0.95)],
        "audits": float(np.mean([each["audits"] for each in alarms])),
        "labels": float(np.mean([each["labels"] for each in alarms])),
        "harm": sum("HARM" in each["states"] or each["alarm"] == "HARM" for each in alarms),
        "benign": sum("BENIGN" in each["states"] for each in alarms),
        "outcomes": dict(Counter(outcomes)),
        "certified_before": sum(each["certified"][0] for each in streams),
        "certified_after": int(sum(after)),
    }
