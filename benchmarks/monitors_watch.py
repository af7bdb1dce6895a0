"""WATCH: delays against their targets, false alarms, and no blindness after a long quiet time."""

from __future__ import annotations

from typing import Any, NamedTuple

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
RUNS_AT_ONCE, STREAMS_AT_ONCE = 100, 20  # as memory allows; of 20 streams each


class Change(NamedTuple):
    """Cases before and after a change, and its size in standard deviations."""

    quiet: int
    after: int
    shift: float


def alarmed(sample: Sample, horizon: int, rng: np.random.Generator) -> Array:
    """Case of the alarm of each run; inf without one."""
    return first_true(segqc(sample, horizon, rng))


def alarmed_streams(
    rng: np.random.Generator, runs: int, streams: int, change: Change, horizon: int
) -> tuple[Array, Array]:
    """Case of the alarm of any of several streams, of which the first, the primary, changes.

    Returns
    -------
    shared, full : ndarray, shape (runs,)
        Each stream with its share of d, as `ExchangeabilityWatch` has it; each with all of d.
    """
    names = [str(number) for number in range(streams)]
    bounds = np.array(list(shares(names, "0", FALSE_ALARM).values()))
    sample = shifted(rng, streams * runs, CALIBRATION, change.quiet, change.after, 0.0)
    sample.stream[:runs, change.quiet :] += change.shift
    p = binned_p_values(sample.fit, sample.values, sample.start, rng)
    evidence = log_evidence(p, horizon)
    each = -np.log(bounds.repeat(runs))[:, None], -np.log(FALSE_ALARM)
    shared, full = (first_true(evidence >= limit).reshape(streams, runs) for limit in each)
    return shared.min(axis=0), full.min(axis=0)


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
        alarmed_streams(
            np.random.default_rng([seed, batch]),
            min(STREAMS_AT_ONCE, runs - batch),
            20,
            Change(QUIET, LONGEST_DELAY, shift),
            HORIZON,
        )[0]
        for batch in range(0, runs, STREAMS_AT_ONCE)
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
