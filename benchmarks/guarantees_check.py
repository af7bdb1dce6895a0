"""What a simulated promise came out at, the band it has to lie in, and its twin in the same band.

A twin breaks the rule on purpose; it is caught where the same check fails it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.stats import binom, norm

FAMILY_ERROR = 0.01  # chance that any cell of a run fails though every promise just holds


class Run(NamedTuple):
    """How a cell is simulated: calibration patients, draws, those also given to rivals, seed."""

    n: int
    draws: int
    rivals: int
    rng: np.random.Generator


@dataclass(frozen=True)
class Rate:
    """Mean over independent draws; `counted`: each draw gave 0 or 1."""

    mean: float
    se: float
    draws: int
    counted: bool

    @classmethod
    def of(cls, values: ArrayLike) -> Rate:
        """Summarise one value in [0, 1] per draw."""
        array = np.asarray(values, dtype=np.float64)
        counted = bool(np.isin(array, (0.0, 1.0)).all())
        return cls(float(array.mean()), float(array.std() / array.size**0.5), array.size, counted)


@dataclass(frozen=True)
class Cell:
    """One promise in one world at one number of calibration patients.

    `unsafe` says on which side the promise is broken. Where theory gives the rate itself,
    `expected` has it and the band has two sides. `slack`: standard errors, where a target rather
    than a promise is checked; None: the band of the family.
    """

    promise: str
    world: str
    n: int
    promised: float
    unsafe: str
    ours: Rate
    twin: str
    twin_rate: Rate
    expected: float | None = None
    slack: float | None = None
    power: dict[str, float] = field(default_factory=dict)


def power(
    ours: NDArray[np.float64], rivals: Mapping[str, NDArray[np.float64]] = MappingProxyType({})
) -> dict[str, float]:
    """Mean width or share accepted; that of rivals with ours on the draws they were given too."""
    found = {"ours": float(ours.mean()), "se": float(ours.std() / ours.size**0.5)}
    for name, theirs in rivals.items() if all(some.size for some in rivals.values()) else ():
        found["same draws"] = float(ours[: theirs.size].mean())
        found[name] = float(theirs.mean())
    return found


def judged(cells: Sequence[Cell]) -> list[dict[str, Any]]:
    """Judge every cell, its twin by the same rule; the family error is shared by all cells."""
    error = FAMILY_ERROR / len(cells)
    return [_judged(cell, error) for cell in cells]


def _judged(cell: Cell, error: float) -> dict[str, Any]:
    low, high = _band(cell, cell.ours, error)
    twin_low, twin_high = _band(cell, cell.twin_rate, error)
    below = cell.unsafe == "below"
    return {
        "promise": cell.promise,
        "world": cell.world,
        "n": cell.n,
        "promised": cell.promised,
        "unsafe": cell.unsafe,
        "expected": cell.expected,
        "realised": cell.ours.mean,
        "se": cell.ours.se,
        "draws": cell.ours.draws,
        "band": [low, high],
        "passes": bool(low <= cell.ours.mean <= high),
        "power": cell.power,
        "twin": cell.twin,
        "twin_realised": cell.twin_rate.mean,
        "twin_se": cell.twin_rate.se,
        "twin_limit": twin_low if below else twin_high,
        "caught": bool(
            cell.twin_rate.mean < twin_low if below else cell.twin_rate.mean > twin_high
        ),
    }


def _band(cell: Cell, rate: Rate, error: float) -> tuple[float, float]:
    centre = cell.promised if cell.expected is None else cell.expected
    if cell.expected is not None:
        error /= 2
    if cell.slack is not None:
        error = float(norm.sf(cell.slack))
    if rate.counted and cell.slack is None:
        low, high = binom.ppf(error, rate.draws, centre), binom.isf(error, rate.draws, centre)
        low, high = low / rate.draws, high / rate.draws
    else:
        reach = float(norm.isf(error)) * rate.se
        low, high = centre - reach, centre + reach
    # sums of exact rates, as 0.9 in every draw, differ from 0.9 by rounding
    low, high = max(float(low) - 1e-12, 0.0), min(float(high) + 1e-12, 1.0)
    if cell.expected is None:
        return (low, 1.0) if cell.unsafe == "below" else (0.0, high)
    return low, high
