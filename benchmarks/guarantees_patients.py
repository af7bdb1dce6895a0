"""Repeated patients: visits and slices never count as independent cases."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from guarantees_check import Cell, Rate, Run, power
from guarantees_interval_rules import ALPHA
from guarantees_worlds import Array
from scipy.special import ndtr
from scipy.stats import beta

from segqc_conformal.calibrators import DiceInterval, SliceInterval
from segqc_conformal.calibrators.conformal_rank import interval_rank

BETWEEN, WITHIN, SLICES = 0.06, 0.02, 25
CONFIDENCE = 0.9


def _covers_one(reach: Array) -> Array:
    """P(|dice - 0.5| <= reach) for one slice of a new patient."""
    return np.asarray(2 * ndtr(reach / math.hypot(BETWEEN, WITHIN)) - 1)


def _covers_all(reach: Array) -> Array:
    """The same for all slices at once: given the patient's own error they are independent."""
    own = np.linspace(-6, 6, 401)
    weight = np.exp(-0.5 * own**2) / np.exp(-0.5 * own**2).sum()
    ends = reach[:, None], own * BETWEEN
    one = ndtr((ends[0] - ends[1]) / WITHIN) - ndtr((-ends[0] - ends[1]) / WITHIN)
    return np.asarray(one**SLICES @ weight)


@dataclass(frozen=True)
class Unit:
    """A promise about repeated patients, and the twin that takes their cases for patients."""

    promise: str
    ours: Callable[[Array, Array, Any], Any]
    covers: Callable[[Array], Array]
    confidence: bool = False
    exact: bool = True  # the rate is known: largest errors of patients do not tie


def _visit(predicted: Array, dice: Array, patients: Any) -> Any:
    settings = DiceInterval(ALPHA, confidence=CONFIDENCE)
    return settings.calibrate(predicted, dice, patients=patients)


def _slice(**settings: Any) -> Callable[[Array, Array, Any], Any]:
    return SliceInterval(ALPHA, **settings).calibrate


UNITS = (
    Unit("interval, PAC, first visit", _visit, _covers_one, confidence=True),
    Unit("interval for every slice", _slice(), _covers_all),
    Unit("interval for every slice, PAC", _slice(confidence=CONFIDENCE), _covers_all, True),
    Unit(
        "interval for a random slice",
        _slice(holds_for="a random slice"),
        _covers_one,
        exact=False,
    ),
)


def repeated(run: Run, unit: Unit) -> Iterator[Cell]:
    """Coverage of a new patient, known exactly: its mean, or the share of calibrations."""
    pooled = DiceInterval(ALPHA, confidence=CONFIDENCE if unit.confidence else None)
    patients = np.arange(run.n).repeat(SLICES)
    half = np.full(patients.size, 0.5)
    reach, twin = np.empty(run.draws), np.empty(run.draws)
    for i in range(run.draws):
        own = run.rng.normal(0, BETWEEN, (run.n, 1))
        errors = own + run.rng.normal(0, WITHIN, (run.n, SLICES))
        dice = np.clip(0.5 + errors, 0, 1).ravel()
        reach[i] = _half_width(unit.ours(half, dice, patients))
        twin[i] = _half_width(pooled.calibrate(half, dice))
    covered, twin_covered = unit.covers(reach), unit.covers(twin)
    if unit.confidence:
        covered, twin_covered = covered >= 1 - ALPHA, twin_covered >= 1 - ALPHA
    yield Cell(
        unit.promise,
        "repeated patients: 25 cases each",
        run.n,
        CONFIDENCE if unit.confidence else 1 - ALPHA,
        "below",
        Rate.of(covered),
        "cases pooled as patients",
        Rate.of(twin_covered),
        expected=_expected(run.n, unit) if unit.exact else None,
        power=power(2 * reach),
    )


def _expected(n: int, unit: Unit) -> float | None:
    rank = interval_rank(n, ALPHA, CONFIDENCE if unit.confidence else None)
    if rank is None:
        return None
    law = beta(rank, n + 1 - rank)  # of the coverage, over calibrations
    return float(law.sf(1 - ALPHA) if unit.confidence else law.mean())


def _half_width(certificate: Any) -> float:
    low, high = certificate.interval([0.5])
    return float(high[0] - low[0]) / 2
