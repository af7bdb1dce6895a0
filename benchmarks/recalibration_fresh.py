"""Recalibration on fresh patients of the new kind, and how often the new intervals then hold."""

from __future__ import annotations

from tempfile import TemporaryDirectory
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from recalibration_phases import judged_cases
from recalibration_stream import WHO, deciding

import segqc_conformal as sq
from segqc_conformal.errors import CalibrationError
from segqc_conformal.recalibration import recalibrate

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
    gate: sq.CalibratedGate, rows: pd.DataFrame, rng: np.random.Generator
) -> dict[int, dict[str, Any]]:
    """Recalibrate once with each number of the patients of `rows`; all others are judged.

    "stale" is the gate as it was, on the same others; "ours" is None where recalibration refused.
    """
    fresh = rng.permutation(sorted(rows["patient_id"].unique()))
    found = {}
    for size in SIZES:
        first = rows["patient_id"].isin(fresh[:size])
        version = recalibrated(gate, rows[first])
        found[size] = {
            "ours": None if version is None else held(version, rows[~first]),
            "stale": held(gate, rows[~first]),
            "certified": version is not None and deciding(version).accept.certified,
        }
    return found
