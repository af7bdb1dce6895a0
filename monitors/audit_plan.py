"""Which rates audits are drawn at: raised where an alarm is open."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from segqc_conformal.case_log.audit_rates import AuditRates, RatesAt
from segqc_conformal.errors import InputError
from segqc_conformal.standing import Standing

__all__ = ["audit_plan"]


def audit_plan(
    rates: AuditRates,
    raised: float | None,
    standings_of: Callable[[str], Sequence[Standing]],
) -> RatesAt:
    """Return the rates at each site, as `CaseLog.draw_audits` asks for them.

    Parameters
    ----------
    rates : AuditRates
        Where nothing is wrong.
    raised : float or None
        Smallest rate where a segment is in WATCH or HARM, in (0, 1]; None: never raised.
    standings_of : callable
        The standings of a calibration, as `CalibrationFolder.standings` returns them.

    Raises
    ------
    InputError
        For a rate out of range.

    Notes
    -----
    Guarantee: none by itself; within a stratum and epoch the rate is constant, as the audited
    monitors need.

    Examples
    --------
    >>> watch = Standing("all", None, "WATCH", None, (), False)
    >>> plan = audit_plan(AuditRates(0.05, 0.1), 0.25, {"v1": (watch,), "v2": ()}.__getitem__)
    >>> plan("v1", "A"), plan("v2", "A")
    (AuditRates(accepted=0.25, referred=0.25), AuditRates(accepted=0.05, referred=0.1))
    """
    if raised is not None and not 0.0 < raised <= 1.0:
        raise InputError("a raised rate in (0, 1]", raised, "for example 0.25")
    known: dict[str, Sequence[Standing]] = {}

    def rates_at(calibration: str, site: str) -> AuditRates:
        if calibration not in known:
            known[calibration] = standings_of(calibration)
        alarmed = any(
            standing.state in ("WATCH", "HARM") and standing.covers(site)
            for standing in known[calibration]
        )
        return rates.raised(raised) if alarmed and raised is not None else rates

    return rates_at
