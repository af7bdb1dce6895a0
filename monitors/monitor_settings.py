"""What is declared before the first case of a version is watched."""

from __future__ import annotations

from dataclasses import dataclass

from segqc_conformal.errors import InputError

__all__ = ["MonitorSettings"]


@dataclass(frozen=True)
class MonitorSettings:
    """Settings of the monitors of one version; the same in every run.

    Parameters
    ----------
    seed : int
        Of the tie-breakers.
    horizon : int
        Cases over which a false WATCH alarm is bounded, >= 1.
    false_alarm : float
        That bound d, in (0, 1), over all segments together.
    audit_horizon : int
        Audits over which a false HARM alarm is bounded, >= 1.
    audit_false_alarm : float
        Bound d of each audited alarm (accepted error; coverage), and of closing a WATCH wrongly,
        in (0, 1), over all segments together.
    benign_margin : float
        By how much the risk may exceed its bound for a WATCH to be closed, in [0, 1).
    stale_after_days : int
        Age in days above which an audit without an answer is overdue, and a version without any
        answered audit is STALE, >= 1.
    on_watch : {"keep", "refer"}
        Whether cases are still accepted under WATCH, with a verdict that says so, or all referred;
        then no accepted case is audited any more, so that an accept promise has to wait for a new
        version.

    Raises
    ------
    InputError
        For settings out of range.

    Notes
    -----
    Guarantee: see `SegmentMonitor`.

    Examples
    --------
    >>> MonitorSettings().horizon
    10000
    """

    seed: int = 7
    horizon: int = 10_000
    false_alarm: float = 0.05
    audit_horizon: int = 1_000
    audit_false_alarm: float = 0.05
    benign_margin: float = 0.05
    stale_after_days: int = 30
    on_watch: str = "keep"

    def __post_init__(self) -> None:
        """Check the settings."""
        counts = (self.horizon, self.audit_horizon, self.stale_after_days)
        if not all(isinstance(count, int) and count >= 1 for count in counts):
            raise InputError(
                "horizon, audit_horizon and stale_after_days of 1 or more",
                counts,
                "for example 10_000 cases, 1_000 audits, 30 days",
            )
        shares = (self.false_alarm, self.audit_false_alarm)
        if not all(0.0 < share < 1.0 for share in shares) or not 0.0 <= self.benign_margin < 1.0:
            raise InputError(
                "false_alarm and audit_false_alarm in (0, 1), benign_margin in [0, 1)",
                (*shares, self.benign_margin),
                "for example 0.05 each",
            )
        if self.on_watch not in ("keep", "refer"):
            raise InputError('on_watch "keep" or "refer"', self.on_watch, "choose one")
