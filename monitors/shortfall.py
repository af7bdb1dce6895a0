"""HARM, graded: the audited alarm that Dice falls further short of its threshold than tolerated."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from segqc_conformal.errors import InputError
from segqc_conformal.monitors.checked_audit import checked_loss
from segqc_conformal.monitors.harm_state import HarmState
from segqc_conformal.monitors.loss_bets import shortfall_stakes
from segqc_conformal.monitors.stratified_watch import StratifiedWatch

__all__ = ["ShortfallWatch"]


class ShortfallWatch(StratifiedWatch):
    """Notice from audits that the mean Dice shortfall exceeds what is tolerated.

    The shortfall of a case is ``max(0, t - Dice) / t``, in [0, 1]: 0 for masks that are good
    enough, 1 for Dice 0. It tells many near misses from few disasters, which an error rate does
    not.

    Parameters
    ----------
    dice_threshold : float
        t, in (0, 1].
    tolerated_shortfall : float
        Largest mean shortfall that is tolerated, in (0, 1).
    horizon, false_alarm, stale_after_days, strata, count_edited
        As in `AcceptedErrorWatch`.

    Raises
    ------
    InputError
        For settings out of range.

    Notes
    -----
    Guarantee: P(alarm within `horizon` audits) <= `false_alarm`, if the mean shortfall of an
    audited case of every stratum, whatever the earlier audits said, is at most
    `tolerated_shortfall`; see `StratifiedWatch`. No certificate promises that by itself.
    Source: betting on bounded means, Waudby-Smith and Ramdas, JRSS B 86 (2024), with stakes that
    are halves of the largest one in place of adaptive ones; restarted (`LossBets`).

    Examples
    --------
    >>> watch = ShortfallWatch(dice_threshold=0.8, tolerated_shortfall=0.05)
    >>> for number in range(60):
    ...     state = watch.update(0.7, f"c{number}", stratum="accepted/A")
    >>> state.alarmed_at, round(state.strata["accepted/A"].risk, 3)
    (20, 0.125)
    """

    SCHEMA = "shortfall-watch/1"

    def __init__(
        self,
        dice_threshold: float = 0.8,
        tolerated_shortfall: float = 0.05,
        horizon: int = 1_000,
        false_alarm: float = 0.05,
        stale_after_days: int = 30,
        strata: Sequence[str] | None = None,
        count_edited: bool = False,
    ) -> None:
        if not 0.0 < dice_threshold <= 1.0:
            raise InputError("a Dice threshold in (0, 1]", dice_threshold, "for example 0.8")
        self.dice_threshold = float(dice_threshold)
        super().__init__(
            tolerated_shortfall,
            shortfall_stakes,
            horizon,
            false_alarm,
            stale_after_days,
            strata,
            count_edited,
        )

    def update(
        self,
        dice: float,
        case_id: str,
        stratum: str,
        epoch: int = 0,
        time: datetime | None = None,
        repeat: bool = False,
        drawn: datetime | None = None,
        reference_kind: str = "expert",
    ) -> HarmState:
        """Take the answer of one audit: the Dice, in [0, 1], of the case.

        The rest is as in `AcceptedErrorWatch.update`.
        """
        found = checked_loss(dice, case_id, "Dice")
        loss = max(0.0, self.dice_threshold - found) / self.dice_threshold
        return self._take(loss, case_id, stratum, epoch, time, repeat, drawn, reference_kind)

    def _settings(self) -> dict[str, Any]:
        own = {"dice_threshold": self.dice_threshold, "tolerated_shortfall": self.bound}
        return {**own, **super()._settings()}
