"""WATCH: delays against their targets, false alarms, and no blindness after a long quiet time."""

from __future__ import annotations

from typing import Any

import numpy as np
from monitors_check import FALSE_ALARM, delay_row, promise_row
from monitors_replica import Array, binned_p_values, first_true, log_evidence
from monitors_rivals import segqc
from monitors_streams import Sample, shifted

from segqc_conformal.monitors.start_values import shares

HORIZON, LONG_HORIZON = 10_000, 1_000_000
CALIBRATION, QUIET = 500, 5_000
ONE_STREAM = {0.3: 240, 0.5: 115, 1.0: 52}
TWENTY_STREAMS = {0.3: 330, 0.5: 150, 1.0: 70}
SMALL = (80, 200)
LONGEST_DELAY = 3_000
RUNS_AT_ONCE = 100


def alarmed(sample: Sample, horizon: int, rng: np.random.Generator) -> Array:
    """Case of the alarm of each run; inf without one."""
    return first_true(segqc(sample, horizon, rng))


def alarmed_among(
    rng: np.random.Generator, runs: int, streams: int, quiet: int, after: int, shift: float
) -> Array:
    """Case of the alarm of any of several streams, of which the first, the primary, changes."""
    names = [str(number) for number in range(streams)]
    bounds = shares(names, "0", FALSE_ALARM)
    first = np.full(runs, np.inf)
    for name in names:
        moved = shift if name == "0" else 0.0
        sample = shifted(rng, runs, CALIBRATION, quiet, after, moved)
        p = binned_p_values(sample.fit, sample.values, sample.start, rng)
        first = np.minimum(first, first_true(log_evidence(p, HORIZON) >= -np.log(bounds[name])))
    return first


def delays(runs: int, shift: float, calibration: int, quiet: int, seed: int) -> dict[str, Any]:
    """Delay of one stream; only the row of the promise has a target."""
    times = []
    for batch in range(0, runs, RUNS_AT_ONCE):
        rng = np.random.default_rng([seed, batch])
        size = min(RUNS_AT_ONCE, runs - batch)
        sample = shifted(rng, size, calibration, quiet, LONGEST_DELAY, shift)
        times.append(alarmed(sample, HORIZON, rng))
    promised = (calibration, quiet) == (CALIBRATION, QUIET)
    target = ONE_STREAM[shift] if promised else None
    setting = {"streams": 1, "calibration": calibration, "quiet": quiet, "shift": shift}
    return setting | delay_row(np.concatenate(times), quiet, target)


def delays_of_twenty(runs: int, shift: float, seed: int) -> dict[str, Any]:
    """Delay of 20 streams of which the primary one changes."""
    times = [
        alarmed_among(
            np.random.default_rng([seed, batch]),
            min(RUNS_AT_ONCE, runs - batch),
            20,
            QUIET,
            LONGEST_DELAY,
            shift,
        )
        for batch in range(0, runs, RUNS_AT_ONCE)
    ]
    setting = {"streams": 20, "calibration": CALIBRATION, "quiet": QUIET, "shift": shift}
    return setting | delay_row(np.concatenate(times), QUIET, TWENTY_STREAMS[shift])


def in_control(
    runs: int, calibration: int, cases: int, seed: int, twin_calibration: int = 100
) -> dict[str, Any]:
    """False alarms of one stream; the twin never lets the bag grow."""
    rng = np.random.default_rng(seed)
    ours, twins = [], []
    for batch in range(0, runs, RUNS_AT_ONCE):
        size = min(RUNS_AT_ONCE, runs - batch)
        ours.append(alarmed(shifted(rng, size, calibration, cases, 0, 0.0), cases, rng))
    for _ in range(0, max(RUNS_AT_ONCE, runs // 4), RUNS_AT_ONCE):
        sample = shifted(rng, RUNS_AT_ONCE, twin_calibration, cases, 0, 0.0)
        p = fixed_bag_p_values(sample, rng)
        twins.append(first_true(log_evidence(p, cases) >= -np.log(FALSE_ALARM)))
    return promise_row(
        f"WATCH in control, {cases} cases",
        f"one stream, {calibration} calibration values",
        np.isfinite(np.concatenate(ours)),
        f"p-values among {twin_calibration} fixed calibration values",
        np.isfinite(np.concatenate(twins)),
    )


def fixed_bag_p_values(sample: Sample, rng: np.random.Generator) -> Array:
    """P-values among the calibration values alone, as if they were independent."""
    return binned_p_values(sample.fit, sample.values, sample.start, rng, grow=False)
