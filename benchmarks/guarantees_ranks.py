"""Which order statistic: exact over every n up to 2,000, beside MAPIE and crepes."""

from __future__ import annotations

import math
import warnings
from fractions import Fraction
from typing import Any

import numpy as np
from guarantees_interval_rules import absolute, lower, normalised, quantiles
from guarantees_rivals import (
    Column,
    mapie_absolute,
    mapie_lower,
    mapie_normalised,
    mapie_quantiles,
)
from guarantees_worlds import CASES
from mapie.regression import SplitConformalRegressor

from segqc_conformal.calibrators import DiceInterval
from segqc_conformal.calibrators.conformal_rank import marginal_rank

MISCOVERAGE = (
    "0.01", "0.02", "0.05", "0.1", "0.15", "0.2", "0.25", "0.3", "0.4", "0.5", "0.75", "0.9"
)  # fmt: skip
LARGEST = 2000


def exact_rank(n: int, miscoverage: str) -> int | None:
    """ceil((n + 1)(1 - alpha)) in whole numbers; None beyond n."""
    alpha = Fraction(miscoverage)
    kept = (n + 1) * (alpha.denominator - alpha.numerator)
    rank = -(-kept // alpha.denominator)
    return rank if rank <= n else None


def ours_off(largest: int) -> int:
    """Pairs of n and level at which our rank is not the exact one."""
    return sum(
        marginal_rank(n, float(alpha)) != exact_rank(n, alpha)
        for n in range(1, largest + 1)
        for alpha in MISCOVERAGE
    )


def ends_of_few() -> dict[str, list[float]]:
    """The interval around .5 of nine and of eight patients with errors up to .3, at 90 %."""
    found = {}
    for n in (9, 8):
        dice = 0.5 + np.linspace(0.01, 0.3, n)
        low, high = DiceInterval(0.1).calibrate(np.full(n, 0.5), dice).interval([0.5])
        found[str(n)] = [float(low[0]), float(high[0])]
    return found


def rank_figures(largest: int = LARGEST) -> dict[str, Any]:
    """Everything, with the same question put to MAPIE and crepes."""
    counts = dict.fromkeys(("pairs", "defined", "MAPIE refuses", "MAPIE off", "crepes off"), 0)
    for n in range(1, largest + 1):
        for alpha in MISCOVERAGE:
            exact = exact_rank(n, alpha)
            mapie = _mapie_rank(n, float(alpha))
            counts["pairs"] += 1
            counts["defined"] += exact is not None
            counts["MAPIE refuses"] += mapie is None and exact is not None
            counts["MAPIE off"] += mapie is not None and mapie != exact
            counts["crepes off"] += _crepes_rank(n, float(alpha)) != exact
    return {
        **counts,
        "ours off": ours_off(largest),
        "largest": largest,
        "levels": len(MISCOVERAGE),
        "few": ends_of_few(),
        "difference": largest_difference(),
    }


def _mapie_rank(n: int, alpha: float) -> int | None:
    """The calibration errors are 1..n, so the half width is the rank."""
    found = SplitConformalRegressor(Column(0), 1 - alpha, "absolute")
    try:
        found.conformalize(np.zeros((n, 1)), np.arange(1.0, n + 1))
        ends = found.predict_interval(np.zeros((1, 1)))[1]
    except ValueError:
        return None
    half = float(ends[0, 1, 0] - ends[0, 0, 0]) / 2
    return round(half) if math.isfinite(half) else None


def _crepes_rank(n: int, alpha: float) -> int | None:
    from crepes import ConformalRegressor

    found = ConformalRegressor().fit(np.arange(1.0, n + 1))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # it warns where patients are too few
        low, high = found.predict_int(np.zeros(1), confidence=1 - alpha)[0]
    return round(high - low) // 2 if math.isfinite(high) else None


def largest_difference() -> float:
    """Of the ends of our intervals and MAPIE's, where it is defined at 90 %, clipped to [0, 1]."""
    rng, worst = np.random.default_rng(0), 0.0
    pairs = (
        (absolute, mapie_absolute),
        (normalised, mapie_normalised),
        (lower, mapie_lower),
        (quantiles, mapie_quantiles),
    )
    for n in (*range(20, 220, 7), 500, 999, 1000, 5000):
        cal, new = CASES.draw(n, rng), CASES.draw(200, rng)
        for ours, theirs in pairs:
            for mine, other in zip(ours(cal, new), theirs(cal, new), strict=True):
                worst = max(worst, float(np.abs(mine - np.clip(other, 0, 1)).max()))
    return worst
