"""Intervals for accepted patients, whichever threshold was certified on the same labels."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from guarantees_check import Cell, Rate, Run
from guarantees_worlds import Array
from scipy.special import ndtr

from segqc_conformal.calibrators import AcceptedInterval, AcceptThreshold, DiceInterval

ALPHA, CONFIDENCE = 0.1, 0.9
GRID = np.linspace(0.8, 0.5, 10)
CENTRE, EASY, HARD = 0.6, 0.02, 0.12


def whole_grid(run: Run) -> Iterator[Cell]:
    """Coverage at all thresholds at once; errors are uniform, so a quantile is its coverage."""
    kept, twin = np.empty(run.draws), np.empty(run.draws)
    settings = AcceptedInterval(ALPHA, CONFIDENCE)
    for i in range(run.draws):
        score, error, ones = run.rng.random(run.n), run.rng.random(run.n), np.ones(run.n)
        kept[i] = _all_hold(settings.calibrate(score, ones, 1 - error, GRID).quantiles)
        alone = (settings.calibrate(score, ones, 1 - error, [t]).quantiles[0] for t in GRID)
        twin[i] = _all_hold(alone)
    yield Cell(
        "interval for accepted patients, every threshold",
        "error independent of the score",
        run.n,
        CONFIDENCE,
        "below",
        Rate.of(kept),
        "each threshold at full δ",
        Rate.of(twin),
    )


def _all_hold(quantiles: object) -> bool:
    return all(q is None or q >= 1 - ALPHA for q in quantiles)  # type: ignore[attr-defined]


def at_the_certified(run: Run) -> Iterator[Cell]:
    """Coverage at the certified threshold, where those accepted are predicted worse."""
    reach, twin = np.full(run.draws, np.inf), np.full(run.draws, np.inf)
    accept = AcceptThreshold(0.5, tolerated_error=0.3, confidence=CONFIDENCE)
    for i in range(run.draws):
        score = run.rng.random(run.n)
        predicted = np.full(run.n, CENTRE)
        error = run.rng.normal(0, np.where(score >= GRID.min(), HARD, EASY))
        dice = np.clip(predicted + error, 0, 1)
        threshold = accept.calibrate(score, dice, GRID).threshold
        if threshold is None:
            continue
        found = AcceptedInterval(ALPHA, CONFIDENCE).calibrate(score, predicted, dice, GRID)
        quantile = found.quantiles[found.thresholds.index(threshold)]
        reach[i] = np.inf if quantile is None else quantile
        marginal = DiceInterval(ALPHA).calibrate(predicted, dice).quantile
        twin[i] = np.inf if marginal is None else marginal
    yield Cell(
        "interval for accepted patients, certified threshold",
        "accepted patients are predicted worse",
        run.n,
        CONFIDENCE,
        "below",
        Rate.of(_covers_accepted(reach) >= 1 - ALPHA),
        "interval of all patients, on the accepted",
        Rate.of(_covers_accepted(twin) >= 1 - ALPHA),
    )


def _covers_accepted(reach: Array) -> Array:
    # the upper end is never missed where it is 1, the lower one where it is 0
    low = np.where(CENTRE - reach <= 0, 0.0, ndtr(-reach / HARD))
    return np.asarray(np.where(CENTRE + reach >= 1, 1.0, ndtr(reach / HARD)) - low)
