"""Recalibration on fresh patients of the new kind, and how often the new intervals then hold."""

from __future__ import annotations

from tempfile import TemporaryDirectory
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from recalibration_phases import judged_cases
from recalibration_stream import WHO, deciding

import segqc_conformal as sq
from segqc_conformal.calibration_rows import rescored
from segqc_conformal.calibrators import DiceInterval, IntervalCertificate
from segqc_conformal.errors import CalibrationError
from segqc_conformal.recalibration import recalibrate
from segqc_conformal.shadow_check import shadow_patients
from segqc_conformal.whole_case import deciding_rows

SIZES = (60, 100)  # fresh patients; of 100, one in five is kept for the shadow check


class Held(NamedTuple):
    """Of one calibration: its patients, and how many of how many new intervals held."""

    patients: int
    held: int
    of: int


def recalibrated(gate: sq.CalibratedGate, rows: pd.DataFrame) -> sq.CalibratedGate | None:
    """Recalibrate a gate in a folder of its own; None: refused or vetoed."""
    with TemporaryDirectory() as place:
        gate.save(place)
        try:
            return recalibrate(place, rows, **WHO)
        except CalibrationError:
            return None


def held(gate: sq.CalibratedGate, rows: pd.DataFrame) -> Held:
    """Judge labelled rows and count the intervals that hold; empty predictions have none."""
    cases = judged_cases(gate.judge(rows), rows)
    promised = cases[cases["promised"]]
    patients = deciding(gate).interval.patients
    return Held(patients, int(promised["covered"].sum()), len(promised))


def on_fresh_patients(
    gate: sq.CalibratedGate, rows: pd.DataFrame, rng: np.random.Generator, checked: bool
) -> dict[int, dict[str, Any]]:
    """Recalibrate intervals once with each number of the patients of `rows`; judge all others.

    "ours" takes the steps that `recalibrate` takes for intervals on arrays; "stale" is the gate as
    it was, on the same others. Where `checked`, `recalibrate` itself gives "version" (None: it
    refused), and "certified" says whether it has an accept threshold.
    """
    fresh = rng.permutation(sorted(rows["patient_id"].unique()))
    scored = rescored(rows, gate)
    scored = scored[deciding_rows(scored) & scored["predicted_dice"].notna()]
    found = {}
    for size in SIZES:
        first, rest = (rows["patient_id"].isin(part) for part in (fresh[:size], fresh[size:]))
        spared = shadow_patients(rows.loc[first, "patient_id"], seed=0)
        calibrating = sorted(set(fresh[:size]) - set(spared))
        others = scored[scored["patient_id"].isin(fresh[size:])]
        own = _interval(scored[scored["patient_id"].isin(calibrating)])
        found[size] = {
            "ours": _held(own, others),
            "stale": _held(deciding(gate).interval, others),
        }
        if checked:
            version = recalibrated(gate, rows[first])
            found[size] |= {
                "version": None if version is None else held(version, rows[rest]),
                "certified": version is not None and deciding(version).accept.certified,
            }
    return found


def _interval(cases: pd.DataFrame) -> IntervalCertificate:
    return DiceInterval().calibrate(cases["predicted_dice"], cases["dice"], cases["scale"])


def _held(interval: IntervalCertificate, cases: pd.DataFrame) -> Held:
    low, high = interval.interval(cases["predicted_dice"], cases["scale"])
    covered = (low <= cases["dice"]) & (cases["dice"] <= high)
    return Held(interval.patients, int(covered.sum()), len(cases))
