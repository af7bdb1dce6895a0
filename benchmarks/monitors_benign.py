"""BENIGN: features move and masks stay good; WATCH fires, HARM does not, and audits close it."""

from __future__ import annotations

from typing import Any

import numpy as np
from monitors_check import FALSE_ALARM, delay_row, promise_row
from monitors_harm import HORIZON, QUIET, Losses, watch_times
from monitors_replica import Array, first_true
from monitors_streams import shifted
from monitors_watch import CALIBRATION, alarmed
from monitors_watch import HORIZON as CASES
from numpy.typing import NDArray

from segqc_conformal.monitors.risk_sequence import upper_risk

ALPHA, MARGIN, RISK = 0.10, 0.05, 0.05
WRONG_RISK = 0.16  # just above the bound of alpha + margin
QUIET_CASES, SHIFT = 5_000, 1.0


def closing_losses(audits: int, bound: float = ALPHA + MARGIN) -> NDArray[np.int64]:
    """For each number of audits, the most losses at which the upper end is <= `bound`; -1: none.

    The end of `RiskSequence` depends on both numbers alone, and grows with the losses.
    """
    number = np.arange(1, audits + 1)
    low, high = np.full(audits, -1), number.copy()  # closes at `low`, unless that is -1; not above
    while (low < high).any():
        middle = (low + high + 1) // 2
        closes = upper_risk(middle, number, FALSE_ALARM) <= bound
        low, high = np.where(closes, middle, low), np.where(closes, high, middle - 1)
    return low


def closing_times(losses: Losses, limits: NDArray[np.int64]) -> Array:
    """Audit, from 1, at which each run is closed as BENIGN; inf: never."""
    return first_true((losses.cumsum(axis=0) <= limits[: len(losses), None]).T)


def benign(runs: int, seed: int) -> dict[str, Any]:
    """A change of the features alone, from WATCH to BENIGN, with HARM beside it."""
    rng = np.random.default_rng(seed)
    sample = shifted(rng, runs, CALIBRATION, QUIET_CASES, 1_000, SHIFT)
    watch = delay_row(alarmed(sample, CASES, rng), QUIET_CASES)
    losses = rng.random((HORIZON, runs)) < RISK
    harm = np.isfinite(watch_times(losses, ALPHA))
    closed = closing_times(losses[QUIET:], closing_losses(HORIZON - QUIET))
    return {
        "risk": RISK,
        "bound": ALPHA + MARGIN,
        "watch": watch,
        "harm": promise_row(f"HARM in a benign shift, {HORIZON} audits", f"error {RISK:g}", harm),
        "closed": delay_row(closed, 0),
    }


def wrongly_closed(runs: int, seed: int) -> dict[str, Any]:
    """A shift that does harm: closed although the risk exceeds the bound.

    The twin goes on counting the 300 audits from before the change, when the risk was 0.05.
    """
    rng = np.random.default_rng(seed)
    harmed = rng.random((HORIZON, runs)) < WRONG_RISK
    before = rng.random((QUIET, runs)) < RISK
    limits = closing_losses(HORIZON + QUIET)
    kept = np.vstack([before, harmed]).cumsum(axis=0) <= limits[:, None]
    return promise_row(
        f"BENIGN closed wrongly, {HORIZON} audits",
        f"error {WRONG_RISK:g} since the alarm, closed at {ALPHA + MARGIN:g}",
        np.isfinite(closing_times(harmed, limits)),
        f"{QUIET} audits from before the change kept",
        kept[QUIET:].any(axis=0),  # closed before the change would have been right
    )
