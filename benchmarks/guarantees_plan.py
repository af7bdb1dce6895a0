"""Which promise is simulated in which world, at how many patients and draws."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from functools import partial
from typing import NamedTuple

import guarantees_accept as accept
import guarantees_accept_kinds as kinds
import guarantees_accepted_interval as accepted
import guarantees_groups as groups
import guarantees_intervals as intervals
import guarantees_margin as margin
import guarantees_masks as masks
import guarantees_patients as patients
import guarantees_release as release
import numpy as np
from guarantees_check import Cell, Run
from guarantees_worlds import CASES, FLOOR, GOOD, Discrete, HeavyTails, Tied

ALL = (30, 60, 100, 200, 500, 1000, 5000)
SMALL = (30, 60, 100, 200)
SEED = 20
RIVALS = 200


class Plan(NamedTuple):
    """One simulation: sizes and draws of the full run, and of the quick one in the tests."""

    part: str
    simulate: Callable[[Run], Iterable[Cell]]
    sizes: tuple[int, ...]
    draws: int
    quick_sizes: tuple[int, ...]
    quick_draws: int


def _intervals() -> Iterator[Plan]:
    quick = {
        "one rank less": (30, 1000),
        "rank of 85 %": (200, 300),
        "calibration reused to fit": (100, 100),
        "`np.quantile`, which interpolates": (30, 1000),
        "quantiles as predicted": (100, 100),
        "no weights": (200, 200),
        "no weight of the new patient": (30, 1000),
    }
    for method in intervals.METHODS:
        size, draws = quick[method.twin_name]
        simulate = partial(intervals.marginal, method=method)
        yield Plan("intervals", simulate, ALL, 4000, (size,), draws)
    worlds = ((CASES, True, 100), (Discrete(), False, 30), (HeavyTails(), False, 100))
    for world, scaled, size in worlds:
        simulate = partial(intervals.pac, world=world, scaled=scaled)
        yield Plan("intervals", simulate, ALL, 4000, (size,), 300)
    for law in (CASES, Tied()):
        simulate = partial(intervals.outer_tenths, world=law)
        yield Plan("intervals", simulate, ALL, 2000, (30,), 200)
    yield Plan("intervals", groups.small_group, ALL, 2000, (200,), 100)
    yield Plan("intervals", groups.other, (30, 60, 100), 20_000, (30,), 4000)
    yield Plan("intervals", accepted.whole_grid, (100, 200, 500, 1000, 5000), 4000, (200,), 500)
    yield Plan("intervals", accepted.at_the_certified, (200, 500, 1000, 5000), 2000, (200,), 100)
    for unit in patients.UNITS:
        simulate = partial(patients.repeated, unit=unit)
        one = "random" in unit.promise
        sizes, draws = ((10, *SMALL), 2000) if one else ((*SMALL, 500), 2000)
        yield Plan("patients", simulate, sizes, draws, (10,) if one else (30,), 800 if one else 150)


def _accept() -> Iterator[Plan]:
    for labels, sizes in ((False, ALL), (True, (60, 100, 200, 500, 1000))):
        simulate = partial(accept.informative, world=CASES, labels=labels)
        yield Plan("accept", simulate, sizes, 4000, (500,) if labels else (200,), 250)
    simulate = partial(accept.informative, world=FLOOR, labels=True)
    yield Plan("accept", simulate, (200, 500), 4000, (200,), 60)
    simulate = partial(accept.informative, world=GOOD, labels=True)
    yield Plan("accept", simulate, (40, 80, 160), 4000, (80,), 300)
    for factor in (accept.SHIPPED_FACTOR, 10.0):
        simulate = partial(accept.flat, factor=factor)
        yield Plan("accept", simulate, (500, 5000), 4000, (500,), 1000)
    yield Plan("accept", kinds.looks, (200, 500, 1000), 4000, (1000,), 1000)
    yield Plan("accept", kinds.groups_together, (300, 600), 2000, (300,), 150)
    yield Plan("accept", kinds.other_groups, (500, 1000), 1000, (500,), 60)
    yield Plan("accept", kinds.weighted, (200, 500, 1000), 2000, (200,), 100)
    for promise in kinds.KINDS:
        simulate = partial(kinds.repeated, promise=promise)
        yield Plan("patients", simulate, (60, 100, 200), 2000, (60,), 100)


def _release() -> Iterator[Plan]:
    for decimals, size in ((None, 30), (1, 200)):
        simulate = partial(release.selection, decimals=decimals)
        yield Plan("release", simulate, ALL, 4000, (size,), 1000)
    yield Plan("release", release.weighted_selection, ALL[:-1], 4000, (200,), 200)
    yield Plan("release", partial(release.joint_risk, world=CASES), ALL, 4000, (30,), 400)
    yield Plan("release", release.weighted_joint_risk, ALL, 4000, (200,), 300)


def _masks() -> Iterator[Plan]:
    for world, twin, draws in (
        (masks.UNEQUAL, masks.POOLED, 40),
        (masks.ALIKE, masks.OBSERVED, 200),
    ):
        simulate = partial(masks.fnr_expected, world=world, twin=twin)
        yield Plan("masks", simulate, (10, *SMALL), 1000, (10,), draws)
    for test in ("betting", "hoeffding-bentkus"):
        simulate = partial(masks.fnr_confident, test=test)
        yield Plan("masks", simulate, SMALL, 500, (100,), 60)
    yield Plan("masks", masks.lesions, (20, 60, 200), 500, (20,), 40)
    yield Plan("masks", masks.fdr_expected, (8, 30, 200), 4000, (8,), 800)
    yield Plan("masks", masks.fdr_confident, (30, 60, 200), 2000, (60,), 700)
    yield Plan("masks", margin.enclosed, (19, 60, 100), 400, (19,), 20)


PLANS: tuple[Plan, ...] = (*_accept(), *_intervals(), *_release(), *_masks())


def tasks(quick: bool) -> list[tuple[int, int]]:
    """Plan and size of everything to simulate."""
    return [
        (number, size)
        for number, plan in enumerate(PLANS)
        for size in (plan.quick_sizes if quick else plan.sizes)
    ]


def cells_of(number: int, size: int, quick: bool) -> list[tuple[str, Cell]]:
    """Simulate one plan at one size; the seed depends on nothing else."""
    plan = PLANS[number]
    rng = np.random.default_rng([SEED, number, size])
    draws = plan.quick_draws if quick else plan.draws
    run = Run(size, draws, 0 if quick else RIVALS, rng)
    return [(plan.part, cell) for cell in plan.simulate(run)]
