"""HARM: the audited alarm that intervals miss more often than their certificate allows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from datetime import datetime
from typing import Any, Self

from segqc_conformal.calibrators.interval_certificate import IntervalCertificate
from segqc_conformal.monitors.checked_audit import checked_flag
from segqc_conformal.monitors.coverage_bound import CoverageBound, coverage_bound
from segqc_conformal.monitors.harm_state import HarmState
from segqc_conformal.monitors.loss_bets import error_stakes
from segqc_conformal.monitors.stratified_watch import StratifiedWatch

__all__ = ["CoverageWatch"]


class CoverageWatch(StratifiedWatch):
    """Notice from audits that intervals miss more often than they should.

    Parameters
    ----------
    certificate : IntervalCertificate or CoverageBound
        Of the intervals that are audited; or what `coverage_bound` made of it.
    horizon, false_alarm, stale_after_days, strata, count_edited
        As in `AcceptedErrorWatch`.

    Attributes
    ----------
    coverage : CoverageBound
        What is tested: miscoverage above alpha + margin.

    Raises
    ------
    InputError
        For settings out of range, and certificates of which the miscoverage cannot be bounded.

    Notes
    -----
    Guarantee: P(alarm without drift within `horizon` audits) <= d_certificate + d_monitor, in
    figures in `promise`. d_monitor is `false_alarm`, as in `StratifiedWatch`;
    d_certificate is the chance that this calibration misses more often than alpha + margin
    (`coverage_bound`). Intervals promise coverage over accepted and referred cases together, so a
    stratum holds both, audited at one rate ("all/A"); with different rates use
    `InverseProbabilityWatch` at ``coverage.bound``.

    Examples
    --------
    >>> certificate = IntervalCertificate(0.1, "two-sided", None, 200, 0.07)
    >>> watch = CoverageWatch(certificate)
    >>> print(watch.promise)
    P(alarm without drift) <= 0.05 (certificate) + 0.05 (monitor); tested: miscoverage > 0.136
    >>> watch.update(True, "c1", stratum="all/A").state
    'OK'
    """

    SCHEMA = "coverage-watch/1"

    def __init__(
        self,
        certificate: IntervalCertificate | CoverageBound,
        horizon: int = 1_000,
        false_alarm: float = 0.05,
        stale_after_days: int = 30,
        strata: Sequence[str] | None = None,
        count_edited: bool = False,
    ) -> None:
        if not isinstance(certificate, CoverageBound):
            certificate = coverage_bound(certificate, false_alarm)
        self.coverage = certificate
        super().__init__(
            self.coverage.bound,
            error_stakes,
            horizon,
            false_alarm,
            stale_after_days,
            strata,
            count_edited,
        )

    def update(
        self,
        covered: bool,
        case_id: str,
        stratum: str,
        epoch: int = 0,
        time: datetime | None = None,
        repeat: bool = False,
        drawn: datetime | None = None,
        reference_kind: str = "expert",
    ) -> HarmState:
        """Take the answer of one audit: whether the case's Dice lies in its interval.

        The rest is as in `AcceptedErrorWatch.update`.
        """
        loss = float(not checked_flag("covered", covered, case_id))
        return self._take(loss, case_id, stratum, epoch, time, repeat, drawn, reference_kind)

    @property
    def promise(self) -> str:
        """What holds, in words for a person."""
        return self.coverage.in_words(self.false_alarm)

    def _settings(self) -> dict[str, Any]:
        return {"certificate": asdict(self.coverage), **super()._settings()}

    @classmethod
    def _from_settings(cls, settings: Mapping[str, Any]) -> Self:
        return cls(**{**settings, "certificate": CoverageBound(**settings["certificate"])})
