"""Every detector on the same streams: false alarms, delays, and what a long quiet time does."""

from __future__ import annotations

from typing import Any

import numpy as np
from monitors_check import delay_row
from monitors_rivals import DETECTORS, alarm_times
from monitors_streams import SHIFTS, Sample, ramp, shifted
from monitors_watch import CALIBRATION, HORIZON, LONG_HORIZON, LONGEST_DELAY, QUIET

RAMP = 2_000
AFTER_LONG_QUIET = 10_000
RUNS_AT_ONCE = 60


def false_alarms(name: str, runs: int, cases: int, seed: int) -> dict[str, Any]:
    """Share of quiet streams with an alarm within `cases`, the horizon."""
    rng = np.random.default_rng([seed, cases])
    sample = shifted(rng, runs, CALIBRATION, cases, 0, 0.0)
    alarms = DETECTORS[name](sample, cases, rng).any(axis=1)
    return {"detector": name, "cases": cases, "share": float(alarms.mean()), "runs": runs}


def shift_delays(name: str, runs: int, seed: int) -> list[dict[str, Any]]:
    """Delays by size of the shift, and of a drift of 1 sd over 2,000 cases."""
    rows = []
    for shift in SHIFTS:
        rng = np.random.default_rng([seed, int(10 * shift)])
        sample = shifted(rng, runs, CALIBRATION, QUIET, LONGEST_DELAY, shift)
        rows.append({"change": f"{shift:g} sd"} | _delay(name, sample, HORIZON, QUIET, rng))
    rng = np.random.default_rng([seed, RAMP])
    sample = ramp(rng, runs, CALIBRATION, QUIET, RAMP, LONGEST_DELAY - RAMP)
    rows.append({"change": f"1 sd in {RAMP} cases"} | _delay(name, sample, HORIZON, QUIET, rng))
    return rows


def late_delay(name: str, runs: int, quiet: int, shift: float, seed: int) -> dict[str, Any]:
    """Delay after a quiet time, all with a horizon of a million cases where they have one."""
    times, early = [], 0
    for batch in range(0, runs, RUNS_AT_ONCE):
        rng = np.random.default_rng([seed, quiet, batch])
        size = min(RUNS_AT_ONCE, runs - batch)
        sample = shifted(rng, size, CALIBRATION, quiet, AFTER_LONG_QUIET, shift)
        first, noticed = alarm_times(name, DETECTORS[name](sample, LONG_HORIZON, rng), quiet)
        early += int((first <= quiet).sum())
        times.append(noticed)
    change = {"detector": name, "change": f"{shift:g} sd", "quiet": quiet}
    return change | delay_row(np.concatenate(times), quiet) | {"early": early}


def _delay(
    name: str, sample: Sample, horizon: int, quiet: int, rng: np.random.Generator
) -> dict[str, Any]:
    alarms = DETECTORS[name](sample, horizon, rng)
    first, noticed = alarm_times(name, alarms, quiet)
    early = int((first <= quiet).sum())
    return {"detector": name, "quiet": quiet} | delay_row(noticed, quiet) | {"early": early}
