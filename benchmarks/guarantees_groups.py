"""Intervals within groups, the small ones as "other"."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from guarantees_check import Cell, Rate, Run, power
from guarantees_interval_rules import ALPHA, absolute
from guarantees_rivals import crepes_interval
from guarantees_worlds import Array, Sample
from numpy.typing import NDArray

from segqc_conformal.calibrators import DiceInterval
from segqc_conformal.calibrators.conformal_rank import conformal_quantile
from segqc_conformal.calibrators.groups import calibrate_groups

NEW = 50
HARD_SHARE = 0.1
FEWEST = 9  # patients for a quantile of their own at 90 %


def _site(groups: NDArray[Any], rng: np.random.Generator) -> Sample:
    half = np.full(groups.size, 0.5)
    dice = np.clip(half + rng.normal(0, np.where(groups == "hard", 0.15, 0.05)), 0, 1)
    return Sample(half, np.ones(groups.size), dice, half)


def small_group(run: Run) -> Iterator[Cell]:
    """Coverage in a site with a tenth of the patients and three times the errors."""
    kept, twin, width = np.empty(run.draws), np.empty(run.draws), np.empty(run.draws)
    crepes = np.empty(run.rivals)
    to_judge = np.full(NEW, "hard")
    for i in range(run.draws):
        groups = np.where(run.rng.random(run.n) < HARD_SHARE, "hard", "easy")
        cal, new = _site(groups, run.rng), _site(to_judge, run.rng)
        found = DiceInterval(ALPHA).calibrate(cal.predicted, cal.dice, groups=groups)
        low, high = found.interval(new.predicted, groups=to_judge)
        kept[i], width[i] = _covered(low, high, new.dice), (high - low).mean()
        twin[i] = _covered(*absolute(cal, new), new.dice)
        if i < run.rivals:
            low, high = crepes_interval(cal, new, bins=(groups, to_judge))
            crepes[i] = (high - low).mean()
    yield Cell(
        "interval within groups",
        "unequal groups: 10 % with 3 × the error",
        run.n,
        1 - ALPHA,
        "below",
        Rate.of(kept),
        "quantile of all pooled",
        Rate.of(twin),
        power=power(width, {"crepes": crepes}),
    )


def _covered(low: Array, high: Array, dice: Array) -> float:
    return float(((low <= dice) & (dice <= high)).mean())


def other(run: Run) -> Iterator[Cell]:
    """Coverage of new patients of small groups: one hard group among many rare, easy ones.

    The hard group is expected to have ten patients, so it is small exactly when few were drawn.
    """
    easy = 2 * run.n
    shares = np.r_[10 / run.n, np.full(easy, (1 - 10 / run.n) / easy)]
    kept, twin = [], []
    for _ in range(run.draws):
        groups = run.rng.choice(easy + 1, run.n + 1, p=shares)
        errors = np.abs(run.rng.normal(0, np.where(groups == 0, 20.0, 1.0)))
        new, error, groups, errors = groups[0], errors[0], groups[1:], errors[1:]
        counts = np.bincount(groups, minlength=easy + 1)
        if not 1 <= counts[new] < FEWEST:
            continue
        found = calibrate_groups(errors, groups, None, ALPHA, None)
        kept.append(error <= found.of([new], 1)[0])
        looks_small = conformal_quantile(errors[counts[groups] < FEWEST], ALPHA, None)
        twin.append(looks_small is None or error <= looks_small)
    yield Cell(
        'interval, small groups as "other"',
        "one hard group among rare easy ones",
        run.n,
        1 - ALPHA,
        "below",
        Rate.of(kept),
        '"other" of the groups that look small',
        Rate.of(twin),
    )
