"""HARM: the audited alarm that more accepted cases are bad than was promised."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from segqc_conformal.monitors.checked_audit import checked_flag
from segqc_conformal.monitors.harm_state import HarmState
from segqc_conformal.monitors.loss_bets import error_stakes
from segqc_conformal.monitors.stratified_watch import StratifiedWatch

__all__ = ["AcceptedErrorWatch"]


class AcceptedErrorWatch(StratifiedWatch):
    """Notice from audits that the error of accepted cases exceeds the tolerated error.

    Parameters
    ----------
    tolerated_error : float
        alpha, in (0, 0.8).
    horizon : int
        Number of audits N, of all strata together, over which the false alarm is bounded, >= 1.
    false_alarm : float
        Bound d on the probability of a false alarm within `horizon` audits, in (0, 1).
    stale_after_days : int
        Age in days above which an audit without an answer is overdue, >= 1.
    strata : sequence of str, optional
        The strata that are audited, and of which each must have answers; others are refused.
        None: those that are named by the audits.
    count_edited : bool
        True to bet also on reference masks that were edited from ours; they are biased towards
        ours, and the guarantee is then one about such masks.

    Raises
    ------
    InputError
        For settings out of range.

    Notes
    -----
    Guarantee: P(alarm within `horizon` audits) <= `false_alarm`, if an audited case of every
    stratum, whatever the earlier audits said, is bad with probability at most alpha;
    `StratifiedWatch` says what that assumes. A certificate promises it with its own confidence
    1 - delta, where it was calibrated: P(alarm without drift) <= delta + d. Sites that share one
    promise are one stratum if they are audited at one rate, and a matter of
    `InverseProbabilityWatch` if not.
    Source: likelihood ratios against 1.25, 1.5, 2, 3 and 4 alpha, averaged, restarted (`LossBets`).

    Examples
    --------
    >>> watch = AcceptedErrorWatch(tolerated_error=0.10)
    >>> for number in range(60):
    ...     state = watch.update(number % 3 == 0, f"c{number}", stratum="accepted/A")
    >>> state.state, state.alarmed_at, state.located
    ('HARM', 43, ('accepted/A',))
    """

    SCHEMA = "accepted-error-watch/1"

    def __init__(
        self,
        tolerated_error: float = 0.10,
        horizon: int = 1_000,
        false_alarm: float = 0.05,
        stale_after_days: int = 30,
        strata: Sequence[str] | None = None,
        count_edited: bool = False,
    ) -> None:
        super().__init__(
            tolerated_error,
            error_stakes,
            horizon,
            false_alarm,
            stale_after_days,
            strata,
            count_edited,
        )

    def update(
        self,
        bad: bool,
        case_id: str,
        stratum: str,
        epoch: int = 0,
        time: datetime | None = None,
        repeat: bool = False,
        drawn: datetime | None = None,
        reference_kind: str = "expert",
    ) -> HarmState:
        """Take the answer of one audit, in the order in which answers come.

        Parameters
        ----------
        bad : bool
            Whether the case's Dice is at most the Dice threshold.
        case_id : str
            Named in errors; not kept.
        stratum : str
            Decision and site of the case, for example "accepted/A": cases audited at one rate.
        epoch : int
            The stratum's epoch in which it was drawn. Late answers of earlier epochs bet too.
        time : datetime, optional
            When the answer came; not before the last event.
        repeat : bool
            True for a further case of a patient seen before: it gets no bet.
        drawn : datetime, optional
            When the audit was drawn; needed, and checked, where draws are announced.
        reference_kind : str
            "edited" for a mask edited from ours: flagged, without a bet, and the audit still waits.

        Returns
        -------
        HarmState

        Raises
        ------
        InputError
            Naming the case: an answer that is neither True nor False, an unknown stratum or epoch,
            time going back, an audit never drawn or answered before. The monitor is then as it was.
        """
        loss = float(checked_flag("bad", bad, case_id))
        return self._take(loss, case_id, stratum, epoch, time, repeat, drawn, reference_kind)

    def _settings(self) -> dict[str, Any]:
        return {"tolerated_error": self.bound, **super()._settings()}
