"""What others offer for the same job, on the same streams.

Each takes a sample and a horizon and says at which new cases of each run it alarms. MAPIE's
martingale and online-cp's wrapper are restated for many runs at once, because their classes take
0.1 to 1 ms a case; `test_monitors.py` holds them to the classes. ADWIN and the Kolmogorov-Smirnov
test are the libraries' own.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from monitors_check import FALSE_ALARM
from monitors_replica import (
    Array,
    binned_p_values,
    first_true,
    jumper_paths,
    log_evidence,
    p_values,
    ranks_of,
)
from monitors_streams import WEEK, Sample
from numpy.typing import NDArray
from scipy.stats import ks_2samp

MAPIE_JUMPS = 0.01
ONLINE_CP_JUMPS, ONLINE_CP_EXPERTS = 0.01, (-1.0, -0.5, 0.0, 0.5, 1.0)
HALF_WEEK = WEEK // 2  # weeks end here and a week later: changes come in mid-week

Alarms = NDArray[np.bool_]  # by run and new case
Detector = Callable[[Sample, int, np.random.Generator], Alarms]


def segqc(sample: Sample, horizon: int, rng: np.random.Generator) -> Alarms:
    """`ExchangeabilityWatch` of one stream and one site."""
    p = binned_p_values(sample.fit, sample.values, sample.start, rng)
    return log_evidence(p, horizon) >= -np.log(FALSE_ALARM)


def mapie_martingale(sample: Sample, horizon: int, rng: np.random.Generator) -> Alarms:
    """MAPIE's `OnlineMartingaleTest`, which first bets on the calibration cases; no horizon.

    An alarm stays one. It has at least as many calibration cases as it needs to burn in.
    """
    uniforms = rng.random(sample.values.shape)
    wealth = mapie_wealth(p_values(ranks_of(sample.values), 0, uniforms))
    return np.logical_or.accumulate(wealth > 1.0 / FALSE_ALARM, axis=1)[:, sample.start :]


def mapie_wealth(p: Array) -> Array:
    """Wealth after each p-value, in floats that underflow as MAPIE's do."""
    stakes = np.array([[-1.0], [0.0], [1.0]])
    experts = np.full((3, len(p)), 1.0 / 3.0)
    wealth = np.empty(p.T.shape)
    with np.errstate(over="ignore", invalid="ignore", under="ignore"):
        for case, new in enumerate(np.ascontiguousarray(p.T)):
            experts = (1.0 - MAPIE_JUMPS) * experts + MAPIE_JUMPS / 3.0 * experts.sum(axis=0)
            experts *= 1.0 + stakes * (new - 0.5)
            wealth[case] = experts.sum(axis=0)
    return wealth.T


def online_cp(sample: Sample, horizon: int, rng: np.random.Generator) -> Alarms:
    """Shiryaev-Roberts around online-cp's `SimpleJumper`, on the p-values of a growing bag."""
    p = binned_p_values(sample.fit, sample.values, sample.start, rng)
    return online_cp_statistic(p) > horizon / FALSE_ALARM


def online_cp_statistic(p: Array) -> Array:
    """R after each p-value."""
    _, restarts = jumper_paths(p, (ONLINE_CP_JUMPS,), ONLINE_CP_EXPERTS)
    return restarts[:, 0].T


def weekly_ks(sample: Sample, horizon: int, rng: np.random.Generator) -> Alarms:
    """Each week against the calibration cases, at a level of d / number of weeks in the horizon."""
    level = FALSE_ALARM * WEEK / horizon
    return np.stack([_weeks(*pair, level) for pair in zip(sample.bag, sample.stream, strict=True)])


def _weeks(bag: Array, stream: Array, level: float) -> Alarms:
    alarms, ordered = np.zeros(len(stream), dtype=bool), np.sort(bag)
    smallest, largest = np.inf, 0.0  # the distances between which it is not yet known
    for end in range(HALF_WEEK + WEEK, len(stream) + 1, WEEK):
        week = stream[end - WEEK : end]
        distance = _distance(ordered, np.sort(week))
        if largest < distance < smallest:  # p falls as the distance grows
            if ks_2samp(bag, week).pvalue <= level:
                smallest = distance
            else:
                largest = distance
        alarms[end - 1] = distance >= smallest
    return alarms


def _distance(bag: Array, week: Array) -> float:
    below = np.searchsorted(bag, week) / len(bag)
    steps = np.arange(len(week)) / len(week)
    return float(max((steps + 1 / len(week) - below).max(), (below - steps).max()))


def adwin(sample: Sample, horizon: int, rng: np.random.Generator) -> Alarms:
    """river's ADWIN with its default settings, on the share of calibration cases below."""
    return np.stack(
        [_adwin(*pair) for pair in zip(np.sort(sample.bag), sample.values, strict=True)]
    )


def _adwin(bag: Array, values: Array) -> Alarms:
    from river.drift import ADWIN

    detector, alarms = ADWIN(), np.zeros(len(values), dtype=bool)
    for number, value in enumerate((np.searchsorted(bag, values) / len(bag)).tolist()):
        detector.update(value)
        alarms[number] = detector.drift_detected
    return alarms[len(bag) :]


def always(sample: Sample, horizon: int, rng: np.random.Generator) -> Alarms:
    """An alarm every 100 cases, whatever they are."""
    alarms = np.zeros(sample.stream.shape, dtype=bool)
    alarms[:, HALF_WEEK - 1 :: WEEK] = True
    return alarms


DETECTORS: dict[str, Detector] = {
    "segqc-conformal": segqc,
    "MAPIE OnlineMartingaleTest": mapie_martingale,
    "online-cp Shiryaev-Roberts": online_cp,
    "weekly KS, Bonferroni": weekly_ks,
    "river ADWIN": adwin,
    "alarm every 100 cases": always,
}
# These go on after an alarm, so a change is looked for after any number of false ones.
GOING_ON = ("weekly KS, Bonferroni", "river ADWIN", "alarm every 100 cases")


def alarm_times(name: str, alarms: Alarms, quiet: int) -> tuple[Array, Array]:
    """Return each run's first alarm, and the one by which a change after `quiet` is noticed."""
    first = first_true(alarms)
    return first, quiet + first_true(alarms[:, quiet:]) if name in GOING_ON else first
