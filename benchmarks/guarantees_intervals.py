"""Intervals on Dice: marginal, one-sided, of quantiles, weighted, PAC; and the distribution."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import guarantees_interval_rules as rules
import numpy as np
from guarantees_check import Cell, Rate, Run, power
from guarantees_interval_rules import ALPHA, Ends
from guarantees_rivals import (
    crepes_absolute,
    crepes_normalised,
    mapie_absolute,
    mapie_lower,
    mapie_normalised,
    mapie_quantiles,
)
from guarantees_worlds import CASES, HARDER, Array, Discrete, HeavyTails, Sample, Tied
from scipy.stats import beta

from segqc_conformal.calibrators import DiceInterval, DicePredictiveDistribution
from segqc_conformal.calibrators.conformal_rank import marginal_rank, pac_rank

CONFIDENCE = 0.9
NEW = 100  # new patients judged by each calibration
Rule = Callable[[Sample, Sample], Ends]


@dataclass(frozen=True)
class Method:
    """A rule, its twin and what others offer.

    `attained`: without ties the coverage is exactly k / (n + 1). New patients come from `new`,
    where that is another world.
    """

    promise: str
    world: Any
    ours: Rule
    twin_name: str
    twin: Rule
    rivals: Mapping[str, Rule] = field(default_factory=dict)
    attained: bool = True
    new: Any = None


SPLIT = {"MAPIE": mapie_absolute, "crepes": crepes_absolute}
SCALED = {"MAPIE": mapie_normalised, "crepes": crepes_normalised}
METHODS = (
    Method("interval", CASES, rules.absolute, "one rank less", rules.one_rank_less, SPLIT),
    Method("interval", Tied(), rules.absolute, "one rank less", rules.one_rank_less, SPLIT, False),
    Method("interval", Discrete(), rules.absolute, "rank of 85 %", rules.rank_of_85, SPLIT, False),
    Method("interval", HeavyTails(), rules.distance, "one rank less", rules.one_rank_less),
    Method(
        "interval, normalised",
        CASES,
        rules.normalised,
        "calibration reused to fit",
        rules.reused,
        SCALED,
    ),
    Method(
        "interval, lower end",
        CASES,
        rules.lower,
        "`np.quantile`, which interpolates",
        rules.interpolated,
        {"MAPIE": mapie_lower},
    ),
    Method(
        "interval of two quantiles",
        CASES,
        rules.quantiles,
        "quantiles as predicted",
        rules.as_predicted,
        {"MAPIE": mapie_quantiles},
    ),
    Method(
        "interval, known weights",
        CASES,
        rules.weighted,
        "no weights",
        rules.absolute,
        attained=False,
        new=HARDER,
    ),
    Method(
        "interval, known weights",
        CASES,
        rules.weighted,
        "no weight of the new patient",
        rules.without_own_weight,
        attained=False,
        new=HARDER,
    ),
)


def marginal(run: Run, method: Method) -> Iterator[Cell]:
    """Coverage of new patients, averaged over calibrations."""
    kept, twin, width = np.empty(run.draws), np.empty(run.draws), np.empty(run.draws)
    rivals = {name: np.empty(run.rivals) for name in method.rivals}
    world = method.new or method.world
    for i in range(run.draws):
        cal, new = method.world.draw(run.n, run.rng), world.draw(NEW, run.rng)
        low, high = method.ours(cal, new)
        kept[i], width[i] = _covered(low, high, new.dice), (high - low).mean()
        twin[i] = _covered(*method.twin(cal, new), new.dice)
        for name in rivals if i < run.rivals else ():
            low, high = method.rivals[name](cal, new)
            rivals[name][i] = (high - low).mean()
    rank = marginal_rank(run.n, ALPHA)
    attained = None if not method.attained or rank is None else rank / (run.n + 1)
    yield Cell(
        method.promise,
        world.name,
        run.n,
        1 - ALPHA,
        "below",
        Rate.of(kept),
        method.twin_name,
        Rate.of(twin),
        expected=attained,
        power=power(width, rivals),
    )


def _covered(low: Array, high: Array, dice: Array) -> float:
    return float(((low <= dice) & (dice <= high)).mean())


def pac(run: Run, world: Any, scaled: bool) -> Iterator[Cell]:
    """Share of calibrations whose coverage of new patients, known exactly, is >= 1 - alpha."""
    support = rules.DISTANCE if isinstance(world, HeavyTails) else (0.0, 1.0)
    settings = DiceInterval(ALPHA, confidence=CONFIDENCE, support=support)
    marginal = DiceInterval(ALPHA, support=support)
    reach, twin, width = np.empty(run.draws), np.empty(run.draws), np.empty(run.draws)
    for i in range(run.draws):
        cal, new = world.draw(run.n, run.rng), world.draw(NEW, run.rng)
        scale = cal.scale if scaled else None
        found = settings.calibrate(cal.predicted, cal.dice, scale)
        low, high = found.interval(new.predicted, new.scale if scaled else None)
        reach[i] = np.inf if found.quantile is None else found.quantile
        twin[i] = marginal.calibrate(cal.predicted, cal.dice, scale).quantile
        width[i] = (high - low).mean()
    rank, ties = pac_rank(run.n, ALPHA, CONFIDENCE), isinstance(world, Discrete)
    law = beta(rank or 1, run.n + 1 - (rank or 1))  # of the coverage, where nothing ties
    yield Cell(
        "interval, PAC",
        world.name,
        run.n,
        CONFIDENCE,
        "below",
        Rate.of(world.coverage(reach) >= 1 - ALPHA),
        "marginal rank",
        Rate.of(world.coverage(twin) >= 1 - ALPHA),
        expected=None if ties or rank is None else float(law.sf(1 - ALPHA)),
        power=power(width),
    )


def outer_tenths(run: Run, world: Any) -> Iterator[Cell]:
    """Share of new patients in the outer tenths of their predictive distribution."""
    ours, twin = np.empty(run.draws), np.empty(run.draws)
    for i in range(run.draws):
        cal, new = world.draw(run.n, run.rng), world.draw(NEW, run.rng)
        for found, fitted in ((ours, cal.predicted), (twin, 0.5 * (cal.predicted + cal.dice))):
            law = DicePredictiveDistribution().calibrate(fitted, cal.dice, cal.scale)
            place = law.pit(new.predicted, new.scale, new.dice, run.rng)
            found[i] = ((place <= 0.1) | (place > 0.9)).mean()
    yield Cell(
        "predictive distribution: PIT in the outer tenths",
        world.name,
        run.n,
        0.2,
        "above",
        Rate.of(ours),
        "half of the calibration error known",
        Rate.of(twin),
        expected=0.2,
    )
