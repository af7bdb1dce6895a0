"""STALE: why what was audited is not enough to say OK."""

from __future__ import annotations

from collections.abc import Sequence

from segqc_conformal.monitors.audited_stratum import AuditedStratum

__all__ = ["missing_evidence"]


def missing_evidence(strata: Sequence[AuditedStratum], first_day: int, days: int) -> str:
    """Say in words what is missing; empty if nothing is.

    Parameters
    ----------
    strata : sequence of AuditedStratum
    first_day : int
        Day before which an answer is too old; 0 while no time is known.
    days : int
        How long an answer may take.

    Notes
    -----
    Guarantee: none. Each stratum needs an answer; one with overdue audits needs a recent one, and
    so does the monitor as a whole.

    Examples
    --------
    >>> missing_evidence([AuditedStratum("accepted/A", 0.1, (1.0,))], 0, 30)
    'no audit of accepted/A has been answered yet'
    """
    if not strata:
        return "no audit has been answered yet"
    for place in strata:
        if not place.answers:
            return f"no audit of {place.name} has been answered yet"
    if not first_day:
        return ""
    for place in strata:
        if place.overdue and place.silent(first_day):
            return (
                f"{place.overdue} audits of {place.name} are overdue and none was answered in the "
                f"last {days} days"
            )
    if all(place.silent(first_day) for place in strata):
        return f"no audit was answered in the last {days} days"
    return ""
