"""Coverage from audits: the margin a calibration needs, and audits at different rates."""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np
from monitors_check import FALSE_ALARM, promise_row
from monitors_harm import HORIZON, THRESHOLD, Losses
from numpy.typing import NDArray

from segqc_conformal.calibrators import IntervalCertificate
from segqc_conformal.calibrators.conformal_rank import interval_rank
from segqc_conformal.monitors import coverage_bound
from segqc_conformal.monitors.label_budget import alarm_times
from segqc_conformal.monitors.loss_bets import error_stakes, weighted_stakes

ALPHA = 0.10
ACCEPTED_MISSES, REFERRED_MISSES = 0.04, 0.16  # half of the cases each: the mean is ALPHA
ACCEPTED_RATE, REFERRED_RATE = 0.05, 1.0


def calibration_draws(runs: int, calibration: int, seed: int) -> dict[str, Any]:
    """Alarms without drift, over calibrations of few patients; the twin has no margin."""
    rng = np.random.default_rng([seed, calibration])
    rank = interval_rank(calibration, ALPHA, None)
    assert rank is not None
    # what a marginal interval of these patients really misses
    misses = rng.beta(calibration + 1 - rank, rank, runs)
    losses = rng.random((HORIZON, runs)) < misses
    certificate = IntervalCertificate(ALPHA, "two-sided", None, calibration, 0.1)
    tested = coverage_bound(certificate, FALSE_ALARM).bound
    return promise_row(
        f"CoverageWatch without drift, {HORIZON} audits",
        f"{calibration} calibration patients, tested: miscoverage > {tested:.3f}",
        _alarms(losses, tested),
        f"tested: miscoverage > {ALPHA:g}",
        _alarms(losses, ALPHA),
        bound=FALSE_ALARM + FALSE_ALARM,
    )


def _alarms(losses: Losses, bound: float) -> NDArray[np.bool_]:
    return alarm_times(losses, bound, error_stakes(bound), THRESHOLD)[0] > 0


def strata(runs: int, cases: int, seed: int) -> dict[str, Any]:
    """Misses exactly as promised, referred cases all audited and accepted ones seldom.

    Ours weighs by the probability of the audit; the twin pools the audits.
    """
    rng = np.random.default_rng(seed)
    referred = rng.random((cases, runs)) < 0.5
    missed = rng.random((cases, runs)) < np.where(referred, REFERRED_MISSES, ACCEPTED_MISSES)
    rate = np.where(referred, REFERRED_RATE, ACCEPTED_RATE)
    audited = rng.random((cases, runs)) < rate
    stakes = weighted_stakes(ALPHA, smallest_probability=ACCEPTED_RATE)
    weighted = np.where(audited, missed / rate, 0.0)
    times, _ = alarm_times(weighted, ALPHA, stakes, cases / FALSE_ALARM)
    pooled = [missed[:, run][audited[:, run]][:HORIZON] for run in range(runs)]
    alarm = partial(alarm_times, bound=ALPHA, stakes=error_stakes(ALPHA), threshold=THRESHOLD)
    return promise_row(
        f"coverage over strata audited at different rates, {cases} cases",
        "miscoverage .04 accepted (audited at .05) and .16 referred (all audited): .10 in all",
        times > 0,
        "audits of both pooled",
        [bool(alarm(each[:, None])[0][0]) for each in pooled],
    )
