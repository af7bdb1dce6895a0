"""Kinds of accept thresholds: many looks, groups, repeated patients, known weights.

Every threshold lies where the error is exactly alpha, so any certificate counts as a violation.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
from guarantees_check import Cell, Rate, Run
from numpy.typing import NDArray
from scipy.stats import binom

from segqc_conformal.calibrators import AcceptThreshold
from segqc_conformal.calibrators.looks import delta_of_look
from segqc_conformal.calibrators.p_values import binomial_p_value

ALPHA, CONFIDENCE, DELTA = 0.1, 0.9, 0.1
BAD, GOOD = 0.5, 0.9
VISITS = 10


def looks(run: Run) -> Iterator[Cell]:
    """Looks at 60, 80, ... n patients, 57 % of whom are accepted; delta .05 for all looks."""
    sizes = np.arange(60, run.n + 1, 20)
    accepted = run.rng.random((run.draws, run.n)) < 0.57
    bad = accepted & (run.rng.random((run.draws, run.n)) < ALPHA)
    counts = (np.cumsum(flags, axis=1)[:, sizes - 1] for flags in (bad, accepted))
    p = binomial_p_value(*counts, ALPHA)
    shared = np.array([delta_of_look(0.95, "many", k + 1) for k in range(sizes.size)])
    yield Cell(
        'accept, looks="many"',
        "a look every 20 patients from 60 to n",
        run.n,
        0.05,
        "above",
        Rate.of((p <= shared).any(axis=1)),
        "peeking: full δ at each look",
        Rate.of((p <= 0.05).any(axis=1)),
    )


def groups_together(run: Run) -> Iterator[Cell]:
    """Five equal groups whose promises hold together, or each on its own."""
    names = np.repeat(list("ABCDE"), run.n // 5)
    passed = {family: np.empty((run.draws, 5), bool) for family in ("each", "all")}
    for i in range(run.draws):
        dice = np.where(run.rng.random(names.size) < ALPHA, BAD, GOOD)
        for family, found in passed.items():
            settings = AcceptThreshold(confidence=CONFIDENCE, family=family)
            limits = settings.calibrate(np.ones(names.size), dice, [0.0], groups=names).threshold
            found[i] = [limits[name] is not None for name in "ABCDE"]
    alone = _exact(run.n // 5, DELTA)
    pooled = _pooled_passes(run)
    world = "5 equal groups"
    yield Cell(
        "accept, each group on its own",
        world,
        run.n,
        DELTA,
        "above",
        Rate.of(passed["each"][:, 0]),
        "test of all groups pooled (B to E without errors)",
        Rate.of(pooled),
        expected=alone,
    )
    yield Cell(
        'accept, groups with family="all"',
        world,
        run.n,
        DELTA,
        "above",
        Rate.of(passed["all"].any(axis=1)),
        "each on its own, read as together",
        Rate.of(passed["each"].any(axis=1)),
        expected=1 - (1 - _exact(run.n // 5, DELTA / 5)) ** 5,
    )


def _pooled_passes(run: Run) -> NDArray[np.bool_]:
    bad = run.rng.binomial(run.n // 5, ALPHA, run.draws)
    return np.asarray(binomial_p_value(bad, np.full(run.draws, run.n), ALPHA) <= DELTA)


def _exact(n: int, level: float) -> float:
    """P(the binomial test of n patients passes) where the error is alpha."""
    bad = np.arange(n + 1)
    passes = binom.cdf(bad, n, ALPHA) <= level
    return float(binom.pmf(bad, n, ALPHA)[passes].sum())


def other_groups(run: Run) -> Iterator[Cell]:
    """Small sites at errors 0 and .2, so .1 in their mixture; one large site without errors."""
    small, large = run.n // 50, run.n * 3 // 5
    sizes = [20] * small + [large]
    names = np.repeat([*(f"site {i}" for i in range(small)), "large"], sizes)
    risk = np.repeat([*np.resize([0.0, 2 * ALPHA], small), 0.0], sizes)
    ours, twin = np.empty(run.draws, bool), np.empty(run.draws, bool)
    settings = AcceptThreshold(confidence=CONFIDENCE)
    for i in range(run.draws):
        dice, score = np.where(run.rng.random(names.size) < risk, BAD, GOOD), np.ones(names.size)
        found = settings.calibrate(score, dice, [0.0], groups=names).threshold
        ours[i] = found["site 1"] is not None
        twin[i] = settings.calibrate(score, dice, [0.0]).threshold is not None
    yield Cell(
        'accept, small groups as "other"',
        "sites of 20 at errors 0 and .2",
        run.n,
        DELTA,
        "above",
        Rate.of(ours),
        "threshold of all patients pooled",
        Rate.of(twin),
    )


class Kind(NamedTuple):
    """Settings, and how many of ten visits are bad where a patient is."""

    settings: dict[str, str]
    bad_visits: int


KINDS = {
    "accept, first case of each patient": Kind({}, VISITS),
    "accept, any accepted case bad": Kind({"cases": "any"}, 1),
    "accept, mean over the cases of a patient": Kind({"cases": "mean", "test": "betting"}, VISITS),
}


def repeated(run: Run, promise: str) -> Iterator[Cell]:
    """Ten visits each; a tenth of the patients is bad, in all visits or in one."""
    kind = KINDS[promise]
    settings = AcceptThreshold(confidence=CONFIDENCE, **kind.settings)
    pooled = AcceptThreshold(confidence=CONFIDENCE)
    patients, score = np.arange(run.n).repeat(VISITS), np.ones(run.n * VISITS)
    ours, twin = np.empty(run.draws, bool), np.empty(run.draws, bool)
    for i in range(run.draws):
        bad = (run.rng.random((run.n, 1)) < ALPHA) & (np.arange(VISITS) < kind.bad_visits)
        dice = np.where(bad, BAD, GOOD).ravel()
        found = settings.calibrate(score, dice, [0.0], patients=patients)
        ours[i] = found.threshold is not None
        twin[i] = pooled.calibrate(score, dice, [0.0]).threshold is not None
    alike = "all alike" if kind.bad_visits == VISITS else "one bad in bad patients"
    yield Cell(
        promise,
        f"repeated patients: {VISITS} visits, {alike}",
        run.n,
        DELTA,
        "above",
        Rate.of(ours),
        "visits pooled as patients",
        Rate.of(twin),
        expected=_exact(run.n, DELTA) if settings.test == "binomial" else None,
    )


def weighted(run: Run) -> Iterator[Cell]:
    """New patients hold 80 % of a hard kind, calibration 50 %; the new error is exactly .1."""
    settings = AcceptThreshold(confidence=CONFIDENCE, test="betting", largest_weight=1.6)
    plain = AcceptThreshold(confidence=CONFIDENCE)
    ours, twin = np.empty(run.draws, bool), np.empty(run.draws, bool)
    for i in range(run.draws):
        hard = run.rng.random(run.n) < 0.5
        dice = np.where(run.rng.random(run.n) < np.where(hard, 0.12, 0.02), BAD, GOOD)
        weights, score = np.where(hard, 1.6, 0.4), np.ones(run.n)
        found = settings.calibrate(score, dice, [0.0], weights=weights, weights_are="known")
        ours[i] = found.threshold is not None
        twin[i] = plain.calibrate(score, dice, [0.0]).threshold is not None
    yield Cell(
        "accept, known weights",
        "known shift: 50 % to 80 % hard patients",
        run.n,
        DELTA,
        "above",
        Rate.of(ours),
        "no weights",
        Rate.of(twin),
    )
