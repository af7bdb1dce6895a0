"""Worlds whose truth is known: new patients are drawn, and what holds for them is computed."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import ndtr
from scipy.stats import beta

Array = NDArray[np.float64]
NODES = 4000  # patients of equal probability that stand for all; the integrands are smooth
CENTRE, STEEP, BLUR = 0.78, 18.0, 0.6


class Sample(NamedTuple):
    """Patients: predicted Dice, its scale, true Dice, accept score."""

    predicted: Array
    scale: Array
    dice: Array
    score: Array


@dataclass(frozen=True)
class Cases:
    """The world of `cases()`: Dice scatters around its prediction, most where that is low.

    `quality` are the parameters of the Beta law of predicted Dice; a share `floor` of the patients
    is bad whatever was predicted.
    """

    name: str = "cases"
    quality: tuple[float, float] = (6.0, 1.6)
    floor: float = 0.0

    def draw(self, n: int, rng: np.random.Generator) -> Sample:
        """Draw n patients."""
        predicted = rng.beta(*self.quality, n)
        scale = _scale(predicted)
        dice = np.clip(predicted + rng.normal(0.0, scale), 0.0, 1.0)
        if self.floor:
            dice = np.where(rng.random(n) < self.floor, np.minimum(dice, 0.5), dice)
        logit = (predicted - CENTRE) * STEEP + rng.normal(0.0, BLUR, n)
        return Sample(predicted, scale, dice, 1.0 / (1.0 + np.exp(-logit)))

    @cached_property
    def _nodes(self) -> Array:
        return np.asarray(beta.ppf((np.arange(NODES) + 0.5) / NODES, *self.quality))

    def coverage(self, quantiles: ArrayLike) -> Array:
        """P(|dice - predicted| <= quantile * scale) of a new patient, no floor; inf: 1."""
        f = self._nodes[:, None]
        s, reach = _scale(f), np.asarray(quantiles, dtype=np.float64) * _scale(f)
        # clipped to [0, 1], an end beyond it is never missed
        low, high = np.where(f - reach <= 0, 0.0, ndtr(-reach / s)), ndtr(reach / s)
        return np.asarray((np.where(f + reach >= 1, 1.0, high) - low).mean(axis=0))

    def released(self, thresholds: ArrayLike) -> tuple[Array, Array]:
        """P(accepted) and P(accepted and Dice <= 0.8) at each threshold; NaN accepts nobody."""
        t = np.asarray(thresholds, dtype=np.float64)
        known = t[np.isfinite(t)]
        accepted, both = np.zeros(t.shape), np.zeros(t.shape)
        bad = self.floor + (1.0 - self.floor) * ndtr((0.8 - self._nodes) / _scale(self._nodes))
        inside = np.clip(known, 1e-300, 1.0 - 1e-16)
        logit = np.log(inside / (1.0 - inside))
        passes = ndtr(((self._nodes[:, None] - CENTRE) * STEEP - logit) / BLUR)
        accepted[np.isfinite(t)] = passes.mean(axis=0)
        both[np.isfinite(t)] = bad @ passes / NODES
        return accepted, both

    def oracle(self, tolerated: float) -> float:
        """The largest acceptance whose error is tolerated."""
        accepted, both = self.released(np.linspace(0.001, 0.999, 4000))
        return float(accepted[both <= tolerated * accepted].max(initial=0.0))


def _scale(predicted: Array) -> Array:
    return 0.02 + 0.25 * (1.0 - predicted)


class Tied:
    """Predictions to one decimal, Dice to two: absolute errors tie all the time."""

    name = "ties"

    def draw(self, n: int, rng: np.random.Generator) -> Sample:
        """Draw n patients."""
        found = Cases().draw(n, rng)
        return found._replace(predicted=found.predicted.round(1), dice=found.dice.round(2))


class Discrete:
    """Three possible errors."""

    name = "discrete nonconformity"
    errors, shares = (0.0, 0.1, 0.3), (0.55, 0.33, 0.12)

    def draw(self, n: int, rng: np.random.Generator) -> Sample:
        """Draw n patients."""
        predicted = np.full(n, 0.8)
        dice = 0.8 - rng.choice(self.errors, n, p=self.shares)
        return Sample(predicted, np.ones(n), dice, predicted)

    def coverage(self, quantiles: ArrayLike) -> Array:
        """P(error <= quantile) of a new patient."""
        reach = np.asarray(quantiles, dtype=np.float64)[:, None] + 1e-9
        return np.asarray((np.array(self.errors) <= reach) @ np.array(self.shares))


class HeavyTails:
    """A distance in mm whose error has no variance."""

    name = "heavy tails (distance)"
    shape = 1.1

    def draw(self, n: int, rng: np.random.Generator) -> Sample:
        """Draw n patients."""
        predicted = np.full(n, 20.0)
        return Sample(predicted, np.ones(n), predicted + 5.0 * rng.pareto(self.shape, n), predicted)

    def coverage(self, quantiles: ArrayLike) -> Array:
        """P(error <= quantile) of a new patient."""
        return np.asarray(1.0 - (1.0 + np.asarray(quantiles) / 5.0) ** -self.shape)


CASES = Cases()
HARDER = Cases("known shift: harder patients", (4.0, 1.6))
BORDERLINE = Cases("known shift: more borderline patients", (20.0, 5.0))
FLOOR = Cases("error floor .04", floor=0.04)
GOOD = Cases("good model (12 % bad)", quality=(12.4, 1.3))


def shift_weights(sample: Sample, new: Cases) -> Array:
    """Density ratio of `new` to `CASES`, up to a factor."""
    a, b = (there - here for there, here in zip(new.quality, CASES.quality, strict=True))
    return np.asarray(sample.predicted**a * (1.0 - sample.predicted) ** b)
