"""What an audited monitor knows: HARM, STALE or OK, and the figures of each stratum."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from segqc_conformal.monitors.risk_sequence import risk_interval

__all__ = ["HarmState", "StratumState"]


@dataclass(frozen=True, slots=True)
class StratumState:
    """What an audited monitor knows of one stratum.

    Parameters
    ----------
    epoch : int
        The epoch in force: the audits since the last change of the sampling rate.
    audits : int
        Audits of this epoch that had a bet.
    loss : float
        Sum of their losses; for errors the number of bad cases.
    all_audits, all_loss : int, float
        The same over all epochs.
    edited : int
        Answers from masks edited from ours, which had no bet.
    pending, overdue : int
        Audits drawn and not answered, and those of them older than allowed.
    log_evidence : float or None
        Log of the stratum's own Shiryaev-Roberts statistic over the horizon; None before a bet.
    share : float
        The interval's own d.
    largest_loss : float
        1, or 1 / the smallest probability of an audit where losses are weighted.

    Notes
    -----
    Guarantee: see `interval`.

    Examples
    --------
    >>> found = StratumState(0, 100, 5.0, 100, 5.0, 0, 3, 0, -2.1, 0.05)
    >>> found.risk, [round(end, 3) for end in found.interval]
    (0.05, [0.006, 0.145])
    """

    epoch: int
    audits: int
    loss: float
    all_audits: int
    all_loss: float
    edited: int
    pending: int
    overdue: int
    log_evidence: float | None
    share: float
    largest_loss: float = 1.0

    @property
    def risk(self) -> float | None:
        """Mean loss of this epoch; None before its first audit."""
        return self.loss / self.audits if self.audits else None

    @property
    def interval(self) -> tuple[float, float]:
        """Both ends of the average risk of this epoch's audits, at each number of audits at once.

        Notes
        -----
        Guarantee: that of `RiskSequence` at d = `share`, for each stratum and epoch on its own; of
        declared strata for all at once, as `share` is then split.
        """
        ends = risk_interval(self.loss / self.largest_loss, self.audits, self.share)
        low, high = (min(1.0, self.largest_loss * float(end)) for end in ends)
        return low, high


@dataclass(frozen=True, slots=True)
class HarmState:
    """What an audited monitor knows after an event.

    Parameters
    ----------
    state : {"OK", "HARM", "STALE"}
        HARM stays; without it STALE where evidence is missing. Only OK says that nothing is.
    reason : str
        Why it is not OK, in words; empty for OK.
    log_evidence : float or None
        Evidence of all strata, on the scale on which ``log(1 / false_alarm)`` alarms; None before
        the first bet.
    audits : int
        Audits that had a bet.
    alarmed_at : int or None
        Number of the audit at which the monitor alarmed; audits count from 1.
    located : tuple of str
        The strata whose own evidence alarmed, in that order.
    strata : dict of str to StratumState

    Notes
    -----
    Guarantee: see the monitor.

    Examples
    --------
    >>> HarmState("STALE", "no audit has been answered yet", None, 0, None, (), {}).alarm
    False
    """

    state: Literal["OK", "HARM", "STALE"]
    reason: str
    log_evidence: float | None
    audits: int
    alarmed_at: int | None
    located: tuple[str, ...]
    strata: dict[str, StratumState]

    @property
    def alarm(self) -> bool:
        """Whether the monitor has alarmed (HARM), now or earlier."""
        return self.alarmed_at is not None
