"""HARM: audits until a larger error is noticed, and false alarms where it is just tolerated."""

from __future__ import annotations

from typing import Any

import numpy as np
from mapie.exchangeability_testing.bounds import GammaExponentialMixtureBound
from monitors_check import FALSE_ALARM, delay_row, promise_row
from monitors_replica import Array
from numpy.typing import NDArray
from scipy.special import gammainc, gammaln

from segqc_conformal.monitors.label_budget import alarm_times
from segqc_conformal.monitors.loss_bets import error_stakes

HORIZON = 1_000
THRESHOLD = HORIZON / FALSE_ALARM  # c
QUIET, QUIET_RISK = 300, 0.8
TARGETS = {(0.10, 2.0): 145, (0.10, 3.0): 50, (0.05, 2.0): 260, (0.05, 3.0): 95}

Losses = NDArray[np.bool_]  # by audit and run


def watch_times(losses: Losses, alpha: float, threshold: float = THRESHOLD) -> Array:
    """Audit at which `AcceptedErrorWatch` alarms in each run; inf: it does not."""
    times, _ = alarm_times(losses, alpha, error_stakes(alpha), threshold)
    return np.where(times == 0, np.inf, times)


def mapie_times(losses: Losses, alpha: float) -> Array:
    """Audit at which MAPIE's `RiskMonitoring` with ``threshold=alpha`` alarms.

    Its class solves for the bound after every audit anew, 0.1 s at 1,000 audits. The bound lies
    above the threshold where the mixture at the threshold exceeds 1 / level, which is one formula.
    """
    level = FALSE_ALARM / 2 / 2  # half of it for the reference data, and of that each side half
    mixture = GammaExponentialMixtureBound(v_opt=1, c=1, alpha_opt=level)
    number = np.arange(1, len(losses) + 1)[:, None]
    total = losses.cumsum(axis=0)
    means = np.vstack([np.full((1, losses.shape[1]), 0.5), (total / number)[:-1]])
    v = ((losses - means) ** 2).cumsum(axis=0)
    excess = total - number * alpha
    alarms = (excess > 0) & (_log_mixture(mixture, excess, v) > -np.log(level))
    return np.where(alarms.any(axis=0), alarms.argmax(axis=0) + 1.0, np.inf)


def _log_mixture(mixture: GammaExponentialMixtureBound, s: Array, v: Array) -> Array:
    shape, x = v + mixture.rho, np.maximum(s + v + mixture.rho, 1e-9)
    with np.errstate(divide="ignore"):
        lower = np.log(gammainc(shape, x))
    return np.asarray(
        mixture.leading_constant + gammaln(shape) + lower - shape * np.log(x) + np.maximum(s + v, 0)
    )


def delays(runs: int, alpha: float, multiple: float, seed: int) -> list[dict[str, Any]]:
    """Audits from the change to HARM, of ours and of MAPIE on a part of the same runs."""
    rng = np.random.default_rng([seed, int(1000 * alpha), int(multiple)])
    risk = np.repeat([QUIET_RISK * alpha, multiple * alpha], [QUIET, 2 * HORIZON])
    losses = rng.random((risk.size, runs)) < risk[:, None]
    setting = {"alpha": alpha, "multiple": multiple}
    ours = delay_row(watch_times(losses, alpha), QUIET, TARGETS[alpha, multiple])
    mapie = delay_row(mapie_times(losses[:, : max(1, runs // 8)], alpha), QUIET)
    return [
        {"monitor": "segqc-conformal", **setting, **ours},
        {"monitor": "MAPIE RiskMonitoring", **setting, **mapie},
    ]


def in_control(runs: int, alpha: float, seed: int) -> dict[str, Any]:
    """False alarms where the error is exactly the tolerated one; the twin forgets the horizon."""
    rng = np.random.default_rng([seed, int(1000 * alpha)])
    losses = rng.random((HORIZON, runs)) < alpha
    return promise_row(
        f"HARM in control, {HORIZON} audits",
        f"error exactly α = {alpha:g}, c = {THRESHOLD:,.0f}",
        np.isfinite(watch_times(losses, alpha)),
        f"c = 1 / d = {1 / FALSE_ALARM:g}",
        np.isfinite(watch_times(losses, alpha, 1.0 / FALSE_ALARM)),
    )


def mapie_in_control(runs: int, alpha: float, seed: int) -> dict[str, Any]:
    """The same for MAPIE's rule."""
    rng = np.random.default_rng([seed, int(1000 * alpha)])
    alarms = np.isfinite(mapie_times(rng.random((HORIZON, runs)) < alpha, alpha))
    return {"monitor": "MAPIE RiskMonitoring", "alpha": alpha, "share": float(alarms.mean())}
