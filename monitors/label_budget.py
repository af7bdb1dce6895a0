"""How many audits it takes until a rise of the error is noticed."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from segqc_conformal.errors import InputError
from segqc_conformal.monitors.checked_audit import checked_settings
from segqc_conformal.monitors.loss_bets import error_stakes

__all__ = ["LabelBudget", "alarm_times", "label_budget"]

QUIET_AUDITS, QUIET_RISK, RUNS = 300, 0.8, 4_000
HUGE = 1e200  # far above any threshold, far below overflow


class LabelBudget(NamedTuple):
    """Audits from the change of the error to HARM; None: not within the horizon."""

    median: int | None
    p90: int | None


def label_budget(
    tolerated_error: float,
    multiple: float = 2.0,
    horizon: int = 1_000,
    false_alarm: float = 0.05,
    seed: int = 0,
) -> LabelBudget:
    """Return how many audits pass until an error of `multiple` times the tolerated one is noticed.

    Parameters
    ----------
    tolerated_error : float
        alpha, in (0, 0.8).
    multiple : float
        Above 1, with ``multiple * alpha`` at most 1.
    horizon, false_alarm
        Of the `AcceptedErrorWatch`.
    seed : int

    Returns
    -------
    LabelBudget
        Median and 90 % quantile over 4,000 simulated runs of one stratum, in which the error was
        0.8 alpha for 300 audits before; runs that had alarmed by then are left out.

    Raises
    ------
    InputError
        For settings out of range.

    Notes
    -----
    Guarantee: none; a simulation, the same for the same seed. The median is accurate to about
    2 %. At a rate r of audits a case, divide by r to have cases.

    Examples
    --------
    >>> label_budget(0.10, multiple=3.0)
    LabelBudget(median=45, p90=85)
    """
    checked_settings(tolerated_error, horizon, false_alarm, stale_after_days=1)
    stakes = error_stakes(tolerated_error)
    if not (stakes and 1.0 < multiple and multiple * tolerated_error <= 1.0):
        raise InputError(
            "a multiple above 1 that leaves the error at most 1, and a tolerated error below 0.8",
            (multiple, tolerated_error),
            "for example tolerated_error=0.10, multiple=2",
        )
    rng, threshold = np.random.default_rng(seed), horizon / false_alarm
    quiet = rng.random((QUIET_AUDITS, RUNS)) < QUIET_RISK * tolerated_error
    early, statistics = alarm_times(quiet, tolerated_error, stakes, threshold)
    harmed = rng.random((horizon, RUNS)) < multiple * tolerated_error
    late, _ = alarm_times(harmed, tolerated_error, stakes, threshold, statistics)
    delays = late[early == 0]
    waits = np.sort(np.where(delays == 0, horizon + 1, delays))
    found = [int(waits[int(share * (waits.size - 1))]) for share in (0.5, 0.9)]
    return LabelBudget(*(wait if wait <= horizon else None for wait in found))


def alarm_times(
    losses: NDArray[np.generic],
    bound: float,
    stakes: tuple[float, ...],
    threshold: float,
    statistics: NDArray[np.float64] | None = None,
) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """Run `LossBets` over many streams at once.

    Parameters
    ----------
    losses : ndarray, shape (audits, runs)
    bound, stakes
        As in `LossBets`.
    threshold : float
        On the mean statistic.
    statistics : ndarray of float64, shape (stakes, runs), optional
        Where earlier audits ended; None: 0.

    Returns
    -------
    times : ndarray of int, shape (runs,)
        Number of the audit, from 1, at which each run alarmed; 0: it did not.
    statistics : ndarray of float64, shape (stakes, runs)

    Notes
    -----
    Guarantee: that of `LossBets`.

    Examples
    --------
    >>> alarm_times(np.ones((50, 2)), 0.1, error_stakes(0.1), 20_000)[0].tolist()
    [9, 9]
    """
    audits, runs = losses.shape
    stake = np.array(stakes)[:, None]
    times = np.zeros(runs, dtype=np.int64)
    r = np.zeros((len(stakes), runs)) if statistics is None else statistics.copy()
    for number in range(audits):
        r = np.minimum((1.0 + r) * (1.0 + stake * (losses[number] - bound)), HUGE)
        times[(times == 0) & (r.mean(axis=0) >= threshold)] = number + 1
        if times.all():
            break
    return times, r
