"""What a watch knows after a case."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["WatchState"]


@dataclass(frozen=True, slots=True)
class WatchState:
    """What an `ExchangeabilityWatch` knows after a case.

    Parameters
    ----------
    alarm : bool
        Whether the watch has alarmed, now or earlier.
    log_evidence : float
        Largest evidence over the streams, on the scale on which ``log(1 / false_alarm)`` alarms.
    cases : int
        Cases that had a bet since the start.
    alarmed_at : int or None
        Number of the case at which the watch alarmed; cases count from 1.
    change_point : int or None
        Number of the first case after the log wealth last stood at its running minimum, in the
        stream that alarmed first; None without an alarm. An estimate, without a guarantee.
    change_case_id : str or None
        The id of that case.
    located : tuple of str
        The streams that alarmed themselves, in the order of their alarms.

    Notes
    -----
    Guarantee: see `ExchangeabilityWatch`.

    Examples
    --------
    >>> WatchState(False, -0.7, 0, None, None, None, ()).alarm
    False
    """

    alarm: bool
    log_evidence: float
    cases: int
    alarmed_at: int | None
    change_point: int | None
    change_case_id: str | None
    located: tuple[str, ...]
