"""The accept threshold: violations at most delta, acceptance at least its target."""

from __future__ import annotations

import math
from collections.abc import Iterator
from contextlib import contextmanager
from functools import lru_cache
from importlib import import_module

import numpy as np
from guarantees_check import Cell, Rate, Run, power
from guarantees_rivals import mapie_threshold
from guarantees_worlds import Array, Cases
from numpy.typing import NDArray
from scipy.stats import betabinom, binom

from segqc_conformal.calibrators import AcceptCertificate, AcceptThreshold, accept_grid
from segqc_conformal.calibrators.p_values import binomial_p_value

ALPHA, CONFIDENCE, DELTA = 0.1, 0.95, 0.05
SETTINGS = AcceptThreshold(tolerated_error=ALPHA, confidence=CONFIDENCE)
TARGETS = {500: 0.40, 200: 0.265}
SHIPPED_FACTOR = 2.0


@contextmanager
def remembered_chances() -> Iterator[None]:
    """Compute each forecast of the start once: thousands of draws ask for the same counts."""
    module = import_module("segqc_conformal.calibrators.accept_grid")
    plain = module.likely_chance
    module.likely_chance = lru_cache(maxsize=None)(plain)
    try:
        yield
    finally:
        module.likely_chance = plain


def informative(run: Run, world: Cases, labels: bool) -> Iterator[Cell]:
    """A score that tells good from bad; grid and start from a tuning sample of size n."""
    found, naive, strict = (np.full(run.draws, np.nan) for _ in range(3))
    mapie = np.full(run.rivals, np.nan)
    with remembered_chances():
        for i in range(run.draws):
            tuning, cal = world.draw(run.n, run.rng), world.draw(run.n, run.rng)
            bad = tuning.dice <= 0.8 if labels else None
            grid = accept_grid(tuning.score, run.n, ALPHA, CONFIDENCE, tuning_bad=bad)
            certificate = SETTINGS.calibrate(cal.score, cal.dice, grid)
            found[i] = or_nan(certificate.threshold)
            naive[i] = loosest_below(certificate, ALPHA)
            if run.n in TARGETS:
                strictest = np.quantile(tuning.score, 1 - np.linspace(0, 0.98, grid.size + 1)[1:])
                twin = SETTINGS.calibrate(cal.score, cal.dice, strictest)
                strict[i] = or_nan(twin.threshold)
            if i < run.rivals:
                mapie[i] = mapie_threshold(cal.score, cal.dice > 0.8, ALPHA, CONFIDENCE)
    name = f"{world.name}, start by {'labels' if labels else 'factor'}"
    accepted = world.released(found)[0]
    yield Cell(
        "accept: violations",
        name,
        run.n,
        DELTA,
        "above",
        Rate.of(violates(world, found)),
        "loosest threshold with observed error ≤ α",
        Rate.of(violates(world, naive)),
        power=power(accepted, {"MAPIE": world.released(mapie)[0]}),
    )
    if run.n in TARGETS and world.name == "cases":
        yield Cell(
            "accept: acceptance",
            name,
            run.n,
            TARGETS[run.n],
            "below",
            Rate.of(accepted),
            "sequence begins at the strictest threshold",
            Rate.of(world.released(strict)[0]),
            slack=2.0,
        )


def violates(world: Cases, thresholds: Array) -> NDArray[np.bool_]:
    """Whether more than alpha of the accepted are bad, exactly; NaN accepts nobody."""
    accepted, both = world.released(thresholds)
    return np.asarray(both > ALPHA * accepted)


def loosest_below(certificate: AcceptCertificate, share: float) -> float:
    """The loosest threshold whose observed error is at most `share`; NaN: none."""
    steps = (*certificate.tests, *certificate.not_reached)
    return min(
        (s.threshold for s in steps if s.accepted and s.bad <= share * s.accepted), default=math.nan
    )


def or_nan(threshold: float | None) -> float:
    return math.nan if threshold is None else threshold


TWO_DELTA, NO_SEQUENCE, ONE_LESS = "p ≤ 2 δ", "each threshold alone", "one bad patient less"


def flat(run: Run, factor: float) -> Iterator[Cell]:
    """A score that says nothing, and an error of exactly alpha: any certificate violates.

    The exact rate is known: the sequence certifies if and only if its first test passes.
    """
    ours = np.empty(run.draws, bool)
    twins = {name: np.empty(run.draws, bool) for name in (TWO_DELTA, NO_SEQUENCE)}
    if factor == SHIPPED_FACTOR:  # with hundreds accepted one patient makes no difference
        twins[ONE_LESS] = np.empty(run.draws, bool)
    for i in range(run.draws):
        tuning, score = run.rng.random(run.n), run.rng.random(run.n)
        grid = accept_grid(tuning, run.n, ALPHA, CONFIDENCE, start_factor=factor)
        dice = np.where(run.rng.random(run.n) < ALPHA, 0.5, 0.9)
        certificate = SETTINGS.calibrate(score, dice, grid)
        ours[i] = certificate.threshold is not None
        for name, found in twins.items():
            found[i] = _twin_certifies(certificate, name)
    for name, found in twins.items():
        yield Cell(
            "accept: violations",
            f"flat, start factor {factor:g}",
            run.n,
            DELTA,
            "above",
            Rate.of(ours),
            name,
            Rate.of(found),
            expected=exact_flat(run.n, factor),
        )


def _twin_certifies(certificate: AcceptCertificate, twin: str) -> bool:
    first = certificate.tests[0]
    if twin == TWO_DELTA:
        return first.p_value <= 2 * DELTA
    if twin == ONE_LESS:
        return float(binomial_p_value(first.bad - 1, first.accepted, ALPHA)) <= DELTA
    steps = (*certificate.tests, *certificate.not_reached)
    return min(step.p_value for step in steps) <= DELTA


def exact_flat(n: int, factor: float, level: float = DELTA) -> float:
    """P(the first test passes at `level`) in the flat world.

    The start is the r-th largest of n uniform tuning scores, so the number of calibration patients
    above it is beta-binomial, and the bad ones among them binomial.
    """
    fewest = math.log(DELTA) / math.log(1 - ALPHA) / n
    share = min(factor * fewest, max(0.6, 1.3 * fewest), 0.98)
    rank = n - math.ceil((n - 1) * (1 - share))
    accepted = np.arange(1, n + 1)
    chance = betabinom.pmf(accepted, n, rank, n + 1 - rank)
    kept = chance > 1e-15
    accepted, chance = accepted[kept], chance[kept]
    bad = np.arange(accepted.max() + 1)
    p = binom.cdf(bad, accepted[:, None], ALPHA)
    passes = (binom.pmf(bad, accepted[:, None], ALPHA) * (p <= level)).sum(axis=1)
    return float(chance @ passes)
