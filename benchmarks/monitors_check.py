"""What a simulated monitor came out at: shares of alarms within a bound, and delays with a target.

A twin breaks one rule on purpose; it is caught where the check that ours has to pass fails it.
"""

from __future__ import annotations

from math import ceil, sqrt
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

FALSE_ALARM = 0.05
STANDARD_ERRORS = 2.0


def share_limit(bound: float, runs: int) -> float:
    """Return the bound with two binomial standard errors."""
    return bound + STANDARD_ERRORS * sqrt(bound * (1.0 - bound) / runs)


def promise_row(
    promise: str,
    setting: str,
    ours: ArrayLike,
    twin: str = "",
    theirs: ArrayLike = (),
    bound: float = FALSE_ALARM,
) -> dict[str, Any]:
    """Compare the share of runs that went wrong, and that of the twin's, with the bound.

    Parameters
    ----------
    promise, setting, twin : str
    ours, theirs : array_like of bool
        Whether each run went wrong; none of the twin's where it has no part in the promise.
    bound : float
    """
    wrong, twins = np.asarray(ours, dtype=bool), np.asarray(theirs, dtype=bool)
    limit = share_limit(bound, wrong.size)
    row = {
        "promise": promise,
        "setting": setting,
        "bound": bound,
        "share": float(wrong.mean()),
        "runs": wrong.size,
        "limit": limit,
        "kept": bool(wrong.mean() <= limit),
    }
    if twins.size:
        limit = share_limit(bound, twins.size)
        row |= {
            "twin": twin,
            "twin_share": float(twins.mean()),
            "twin_runs": twins.size,
            "caught": bool(twins.mean() > limit),
        }
    return row


def delay_row(times: ArrayLike, quiet: int, target: float | None = None) -> dict[str, Any]:
    """Summarise delays: the median with its 95 % interval, the 90 % quantile, and the target.

    Parameters
    ----------
    times : array_like of float
        When each run alarmed; up to `quiet` is early and left out, inf is missed and kept.
    quiet : int
        Cases, or audits, before the change.
    target : float, optional
        The largest median that is good enough.
    """
    all_times = np.asarray(times, dtype=np.float64)
    delays = np.sort(all_times[all_times > quiet] - quiet)
    row: dict[str, Any] = {"runs": all_times.size, "early": int((all_times <= quiet).sum())}
    if not delays.size:
        return row | {"median": None, "low": None, "high": None, "p90": None, "missed": 0}
    reach = 0.98 * sqrt(delays.size)  # ranks of a 95 % interval of the median
    low = max(0, int(delays.size / 2 - reach))
    high = min(delays.size - 1, ceil(delays.size / 2 + reach))
    median = delays[(delays.size - 1) // 2]  # an observed delay, so inf stays inf
    row |= {
        "median": _finite(median),
        "low": _finite(delays[low]),
        "high": _finite(delays[high]),
        "p90": _finite(np.quantile(delays, 0.9, method="higher")),
        "missed": int(np.isinf(delays).sum()),
    }
    if target is not None:
        row |= {"target": target, "met": bool(median <= target)}
    return row


def _finite(value: float) -> int | None:
    return int(value) if np.isfinite(value) else None
