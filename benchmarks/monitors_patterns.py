"""Changes that are none: weekdays, the mix of sites, and patients who return."""

from __future__ import annotations

from typing import Any

import numpy as np
from monitors_check import FALSE_ALARM, promise_row
from monitors_replica import Array, binned_p_values, first_true, log_evidence, site_p_values
from monitors_streams import Sample, SiteSample, changing_mix, repeats, weekdays
from monitors_watch import CALIBRATION
from numpy.typing import NDArray

SCANS = 5


def by_site(drawn: SiteSample, horizon: int, rng: np.random.Generator) -> NDArray[np.bool_]:
    """Whether the watch with a bag for each site alarms."""
    sample = drawn.sample
    p = site_p_values(sample.fit, sample.values, drawn.sites, sample.start, rng)
    return _alarms(p, horizon)


def in_one_bag(sample: Sample, horizon: int, rng: np.random.Generator) -> NDArray[np.bool_]:
    """Whether the watch with one bag alarms."""
    return _alarms(binned_p_values(sample.fit, sample.values, sample.start, rng), horizon)


def _alarms(p: Array, horizon: int) -> NDArray[np.bool_]:
    found = first_true(log_evidence(p, horizon) >= -np.log(FALSE_ALARM))
    return np.asarray(np.isfinite(found))


def weekday_row(runs: int, cases: int, seed: int) -> dict[str, Any]:
    """The same week again and again."""
    rng = np.random.default_rng(seed)
    drawn = weekdays(rng, runs, CALIBRATION, cases)
    return promise_row(
        f"WATCH where weekdays differ, {cases} cases",
        "30 of 100 cases a week come at its end and differ by 1 sd; `site` = day type",
        by_site(drawn, cases, rng),
        "one bag for all days",
        in_one_bag(drawn.sample, cases, rng),
    )


def mix_row(runs: int, cases: int, seed: int) -> dict[str, Any]:
    """A site that sends more and more of the cases."""
    rng = np.random.default_rng(seed)
    drawn = changing_mix(rng, runs, CALIBRATION, cases)
    return promise_row(
        f"WATCH where the mix of sites changes, {cases} cases",
        "a site that differs by 1 sd grows from 20 % to 80 % of cases; a bag for each site",
        by_site(drawn, cases, rng),
        "one bag for both sites",
        in_one_bag(drawn.sample, cases, rng),
    )


def repeat_row(runs: int, cases: int, seed: int) -> dict[str, Any]:
    """Patients who come several times."""
    rng = np.random.default_rng(seed)
    every, first = repeats(rng, runs, CALIBRATION, cases // SCANS, SCANS)
    return promise_row(
        f"WATCH where patients return, {cases} cases",
        f"{SCANS} scans in a row of each patient, correlation .8; `repeat=True`",
        in_one_bag(first, cases, rng),
        "every scan as a patient of its own",
        in_one_bag(every, cases, rng),
    )
