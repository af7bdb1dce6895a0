"""WATCH against the targets of its promise: delays, false alarms, no blindness, cost per case.

Run ``python benchmarks/monitors_watch.py`` (about 17 minutes on one core; ``--quick`` about one).
Each row prints what was measured, with its slack, and the target where there is one.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from math import sqrt
from time import perf_counter

import numpy as np
import pandas as pd

from segqc_conformal.monitors import ExchangeabilityWatch
from segqc_conformal.monitors.fenwick import FenwickCounts

FALSE_ALARM = 0.05
TARGETS = {1: {0.3: 240, 0.5: 115, 1.0: 52}, 20: {0.3: 330, 0.5: 150, 1.0: 70}}
LONGEST_DELAY = 5_000


def started(
    rng: np.random.Generator, calibration: int, streams: int, horizon: int
) -> ExchangeabilityWatch:
    """Start a watch on normal values; the fit sample is as large as the calibration sample."""
    names = [f"s{i}" for i in range(streams)]
    fit, bag = (pd.DataFrame(rng.normal(size=(calibration, streams)), columns=names) for _ in "12")
    watch = ExchangeabilityWatch(horizon, FALSE_ALARM, int(rng.integers(2**31)), primary="s0")
    watch.start(bag, edges={name: fit[name].to_numpy() for name in names})
    return watch


def feed(watch: ExchangeabilityWatch, values: np.ndarray, first: int = 0) -> int | None:
    """Feed cases until the alarm; return its case number, or None."""
    names = watch.streams
    for number, row in enumerate(values.tolist(), start=first):
        value = row[0] if len(names) == 1 else dict(zip(names, row, strict=True))
        state = watch.update(value, case_id=f"c{number}")
        if state.alarm:
            return state.alarmed_at
    return None


def delay(
    seed: int, shift: float, quiet: int, calibration: int, streams: int, horizon: int
) -> float:
    """Delay of one run in cases; NaN if it alarmed before the change, inf if it missed it."""
    rng = np.random.default_rng([seed, quiet, calibration, streams])
    watch = started(rng, calibration, streams, horizon)
    for first in range(0, quiet, 10_000):
        size = min(10_000, quiet - first)
        if feed(watch, rng.normal(size=(size, streams)), first) is not None:
            return np.nan
    changed = rng.normal(size=(LONGEST_DELAY, streams))
    changed[:, 0] += shift
    alarmed_at = feed(watch, changed, quiet)
    return np.inf if alarmed_at is None else float(alarmed_at - quiet)


def delay_row(
    runs: int,
    shift: float,
    quiet: int,
    calibration: int = 500,
    streams: int = 1,
    horizon: int = 10_000,
    target: int | None = None,
) -> float:
    """Print one row of delays; return the median."""
    delays = np.array(
        [delay(seed, shift, quiet, calibration, streams, horizon) for seed in range(runs)]
    )
    seen = np.sort(delays[~np.isnan(delays)])
    half = 0.98 * sqrt(len(seen))  # ranks of a 95 % interval of the median
    low, high = (
        seen[max(0, int(len(seen) / 2 - half))],
        seen[min(len(seen) - 1, int(np.ceil(len(seen) / 2 + half)))],
    )
    median, worst = np.median(seen), np.quantile(seen, 0.9, method="higher")
    verdict = "" if target is None else f"| <= {target} {'ok' if median <= target else 'MISSED'}"
    print(
        f"| {streams:2} | {calibration:3} | {quiet:6} | {shift:.1f} | {median:.0f} "
        f"[{low:.0f}, {high:.0f}] | {worst:.0f} | {np.isinf(seen).sum()} "
        f"| {np.isnan(delays).sum()} of {runs} {verdict}",
        flush=True,
    )
    return float(median)


def in_control_row(
    name: str, runs: int, cases: int, make: Callable[[np.random.Generator], ExchangeabilityWatch]
) -> float:
    """Print the share of quiet runs with an alarm."""
    alarmed = 0
    for seed in range(runs):
        rng = np.random.default_rng([seed, cases])
        alarmed += feed(make(rng), rng.normal(size=(cases, 1))) is not None
    share, slack = alarmed / runs, 2 * sqrt(FALSE_ALARM * (1 - FALSE_ALARM) / runs)
    verdict = "kept" if share <= FALSE_ALARM + slack else "broken (twins must be)"
    print(
        f"| {name} | {cases} | {share:.3f} of {runs} | <= {FALSE_ALARM} + {slack:.3f} {verdict}",
        flush=True,
    )
    return share


class FixedBag(FenwickCounts):
    """The twin's bag: it never grows, so p-values share one calibration draw."""

    def add(self, bin_index: int) -> None:
        """Learn nothing."""


def with_fixed_bag(rng: np.random.Generator) -> ExchangeabilityWatch:
    watch = started(rng, 100, 1, 10_000)
    for stream in watch._streams:
        stream._bags = {site: FixedBag(bag.counts()) for site, bag in stream._bags.items()}
    return watch


def delays(runs: int) -> None:
    print(
        "\n| streams | n_cal | quiet | shift (sd) | median delay [95 %] | p90 | missed | early |"
        "\n|---|---|---|---|---|---|---|---|"
    )
    for shift in (0.3, 0.5, 1.0):
        delay_row(runs, shift, 5_000, target=TARGETS[1][shift])
    for quiet, calibration in ((0, 500), (100, 500), (5_000, 80), (5_000, 200), (0, 80), (0, 200)):
        for shift in (0.3, 0.5, 1.0):
            delay_row(runs, shift, quiet, calibration)
    for shift in (0.3, 0.5, 1.0):
        delay_row(max(10, runs // 5), shift, 5_000, streams=20, target=TARGETS[20][shift])


def in_control(runs: int, cases: int) -> None:
    print("\n| twin or rule | cases | share with an alarm | bound |\n|---|---|---|---|")
    for calibration in (80, 500):
        in_control_row(
            f"watch, n_cal {calibration}",
            runs,
            cases,
            lambda rng, n=calibration: started(rng, n, 1, cases),
        )
    in_control_row(
        "twin: bag that never grows, n_cal 100", max(20, runs // 5), cases, with_fixed_bag
    )
    in_control_row(
        "twin: threshold for a horizon of 1 case",
        max(20, runs // 5),
        cases,
        lambda rng: started(rng, 500, 1, 1),
    )


def blindness(runs: int, long: int) -> None:
    print(
        "\nNo blindness (horizon 1e6, shift 0.5 sd): median delay after 1e3 quiet cases, and "
        f"after {long}"
    )
    early = delay_row(runs, 0.5, 1_000, horizon=10**6)
    late = delay_row(runs, 0.5, long, horizon=10**6)
    print(f"ratio {late / early:.2f}, target <= 1.2 {'ok' if late <= 1.2 * early else 'MISSED'}")


def cost(cases: int) -> None:
    print(
        "\n| cases seen | us per update (one stream, one site) | JSON state, bytes |\n|---|---|---|"
    )
    rng = np.random.default_rng(0)
    watch, seen = started(rng, 500, 1, 10**9), 0
    while seen < cases:
        block = rng.normal(size=(max(1_000, seen * 9), 1))[: cases - seen]
        begin = perf_counter()
        feed(watch, block, seen)
        seen += len(block)
        each = (perf_counter() - begin) / len(block) * 1e6
        print(f"| {seen} | {each:.1f} | {len(watch.to_json())} |", flush=True)


def main() -> None:
    """Print all tables."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="few runs, short streams")
    quick = parser.parse_args().quick
    delays(10 if quick else 200)
    in_control(20 if quick else 400, 1_000 if quick else 10_000)
    blindness(5 if quick else 60, 5_000 if quick else 200_000)
    cost(10_000 if quick else 1_000_000)


if __name__ == "__main__":
    main()
