"""Other ways to an accept threshold beside the shipped one, on the same draws."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np
from guarantees_accept import (
    ALPHA,
    CONFIDENCE,
    DELTA,
    SETTINGS,
    loosest_below,
    or_nan,
    remembered_chances,
    violates,
)
from guarantees_check import Rate, Run
from guarantees_rivals import mapie_threshold
from guarantees_worlds import Array, Cases, Sample
from numpy.typing import NDArray
from scipy.stats import binom

from segqc_conformal.calibrators import AcceptCertificate, accept_grid
from segqc_conformal.calibrators.fixed_sequence import holm, sequence_levels


@dataclass(frozen=True)
class Drawn:
    """One calibration, its tuning sample, and a coin for the rule that needs one."""

    n: int
    tuning: Sample
    cal: Sample
    coin: float

    def certificate(self, labels: bool = True, **grid: Any) -> AcceptCertificate:
        """The shipped rule, on the shipped grid unless `grid` says otherwise."""
        return SETTINGS.calibrate(self.cal.score, self.cal.dice, self.grid(labels, **grid))

    def grid(self, labels: bool = True, **grid: Any) -> Array:
        bad = self.tuning.dice <= 0.8 if labels else None
        return accept_grid(self.tuning.score, self.n, ALPHA, CONFIDENCE, tuning_bad=bad, **grid)

    @cached_property
    def shipped(self) -> AcceptCertificate:
        return self.certificate()

    @cached_property
    def tests(self) -> NDArray[np.float64]:
        """Threshold, accepted, bad and p-value of every step of the shipped grid."""
        steps = (*self.shipped.tests, *self.shipped.not_reached)
        return np.array([(s.threshold, s.accepted, s.bad, s.p_value) for s in steps]).T

    def loosest(self, passed: NDArray[np.bool_]) -> float:
        return float(self.tests[0][passed].min()) if passed.any() else math.nan


def _randomised(drawn: Drawn) -> float:
    """The binomial test with a coin: exact at every count, but the coin decides."""
    _, accepted, bad, p = drawn.tests
    below = binom.cdf(bad - 1, accepted, ALPHA)
    p = np.where(accepted > 0, below + drawn.coin * (p - below), 1.0)
    return drawn.loosest(np.logical_and.accumulate(p <= DELTA))


def _starts(starts: int) -> Callable[[Drawn], float]:
    def rule(drawn: Drawn) -> float:
        p = drawn.tests[3]
        levels = sequence_levels(p, DELTA, starts)
        return drawn.loosest((levels > 0) & (p <= levels))

    return rule


def _betting(drawn: Drawn) -> float:
    settings = replace(SETTINGS, test="betting")
    found = settings.calibrate(drawn.cal.score, drawn.cal.dice, drawn.tests[0])
    return or_nan(found.threshold)


def _crc(drawn: Drawn) -> float:
    """Conformal risk control on the error among the accepted, which is not monotone."""
    _, accepted, bad, _ = drawn.tests
    return drawn.loosest((accepted > 0) & (bad + 1 <= ALPHA * (accepted + 1)))


def _grid(labels: bool = True, **grid: Any) -> Callable[[Drawn], float]:
    return lambda drawn: or_nan(drawn.certificate(labels, **grid).threshold)


SHIPPED = "shipped: start by labels of the tuning sample"
VALID: dict[str, Callable[[Drawn], float]] = {
    SHIPPED: lambda drawn: or_nan(drawn.shipped.threshold),
    "shipped without labels: start factor 2": _grid(labels=False),
    "start factor 1.3": _grid(labels=False, start_factor=1.3),
    "start factor 1.6": _grid(labels=False, start_factor=1.6),
    "start factor 3": _grid(labels=False, start_factor=3.0),
    "grid of 20 thresholds": _grid(size=20),
    "grid of 200 thresholds": _grid(size=200),
    "2 starts": _starts(2),
    "3 starts": _starts(3),
    "Holm": lambda drawn: drawn.loosest(holm(drawn.tests[3], DELTA)),
    "Bonferroni": lambda drawn: drawn.loosest(drawn.tests[3] <= DELTA / drawn.tests[3].size),
    "betting p-values": _betting,
    "randomised binomial p-values (a coin; comparison only)": _randomised,
    "MAPIE, Bonferroni, default grid (its best)": lambda drawn: mapie_threshold(
        drawn.cal.score, drawn.cal.dice > 0.8, ALPHA, CONFIDENCE
    ),
}
INVALID: dict[str, Callable[[Drawn], float]] = {
    "loosest with observed error ≤ α": lambda drawn: loosest_below(drawn.shipped, ALPHA),
    "CRC on the error among the accepted": _crc,
}


def compared(run: Run, world: Cases) -> list[dict[str, Any]]:
    """Acceptance and violations of every rule, and the difference to the shipped one by draw."""
    rules = {**VALID, **INVALID}
    found = {name: np.empty(run.draws) for name in rules}
    with remembered_chances():
        for i in range(run.draws):
            tuning, cal = world.draw(run.n, run.rng), world.draw(run.n, run.rng)
            drawn = Drawn(run.n, tuning, cal, run.rng.random())
            for name, rule in rules.items():
                found[name][i] = rule(drawn)
    accepted = {name: world.released(thresholds)[0] for name, thresholds in found.items()}
    return [
        {
            "rule": name,
            "valid": name in VALID,
            "world": world.name,
            "n": run.n,
            "draws": run.draws,
            "oracle": world.oracle(ALPHA),
            "accepted": Rate.of(accepted[name]).mean,
            "se": Rate.of(accepted[name]).se,
            "more": Rate.of(accepted[name] - accepted[SHIPPED]).mean,
            "more_se": Rate.of(accepted[name] - accepted[SHIPPED]).se,
            "none": float(np.isnan(found[name]).mean()),
            "violations": float(violates(world, found[name]).mean()),
        }
        for name in rules
    ]
