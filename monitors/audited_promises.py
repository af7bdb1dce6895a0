"""Which promises an audit speaks to, and whether its case broke them."""

from __future__ import annotations

from segqc_conformal.monitors.audit_event import AuditEvent
from segqc_conformal.monitors.segments import Segment

__all__ = ["ACCEPTED_ERROR", "MISCOVERAGE", "audit_loss", "promises_of"]

ACCEPTED_ERROR, MISCOVERAGE = "accepted error", "miscoverage"


def promises_of(segment: Segment, event: AuditEvent) -> tuple[str, ...]:
    """Return the promises of a segment that an audit speaks to.

    Parameters
    ----------
    segment : Segment
    event : AuditEvent
        Of a case of the segment.

    Returns
    -------
    tuple of str
        ``ACCEPTED_ERROR`` for an accepted case; ``MISCOVERAGE`` for a case whose interval carries
        a promise and that was drawn at the rate which accepted and referred cases share: a random
        sample of both. A promise that the segment does not make is left out.

    Notes
    -----
    Guarantee: none by itself. A promise is about the segment as a whole, so its audits are one
    stratum: cases of all its sites, drawn alike.
    """
    found = []
    if segment.tolerated_error is not None and event.accepted:
        found.append(ACCEPTED_ERROR)
    if segment.coverage is not None and event.common and event.promised:
        found.append(MISCOVERAGE)
    return tuple(found)


def audit_loss(promise: str, event: AuditEvent, dice_threshold: float) -> float:
    """Return 1 where an answered audit broke the promise, else 0.

    Notes
    -----
    Guarantee: none (arithmetic). Accepted error: Dice at or below the threshold; miscoverage: Dice
    outside the interval.
    """
    assert event.dice is not None
    if promise == ACCEPTED_ERROR:
        return float(event.dice <= dice_threshold)
    return float(not event.covered)
