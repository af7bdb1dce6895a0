"""What the monitors of audits by stratum share: draws, epochs, and answers."""

from __future__ import annotations

from datetime import datetime

from segqc_conformal.errors import InputError
from segqc_conformal.monitors.audit_watch import AuditWatch
from segqc_conformal.monitors.audited_strata import day_of_draw
from segqc_conformal.monitors.checked_audit import checked_moment
from segqc_conformal.monitors.harm_state import HarmState

__all__ = ["StratifiedWatch"]


class StratifiedWatch(AuditWatch):
    """Audits by stratum: what `AcceptedErrorWatch`, `CoverageWatch` and `ShortfallWatch` are.

    Notes
    -----
    Guarantee: that of `AuditWatch`.
    What it assumes: cases of a stratum are audited at random, at one rate in each epoch; answers
    come in an order that does not depend on what they say; one case per patient; reference masks
    drawn independently of ours. Cases sampled at different rates are different strata.
    A new epoch costs nothing of d: whatever the rate, the bets on its audits are fair under the
    same condition, so they go on; counts and interval start afresh, each with its own d.

    Examples
    --------
    >>> from segqc_conformal.monitors import AcceptedErrorWatch
    >>> watch, drawn = AcceptedErrorWatch(stale_after_days=14), datetime(2026, 11, 2)
    >>> state = watch.drawn("c1", "accepted/A", drawn)
    >>> state = watch.update(False, "c1", "accepted/A", time=datetime(2026, 11, 9), drawn=drawn)
    >>> state.state, watch.tick(datetime(2026, 11, 24)).reason
    ('OK', 'no audit was answered in the last 14 days')
    """

    def drawn(
        self,
        case_id: str,
        stratum: str,
        time: datetime,
        epoch: int = 0,
        known: datetime | None = None,
    ) -> HarmState:
        """Say that a case was drawn to be audited, so that a missing answer is noticed.

        Parameters
        ----------
        case_id : str
            Named in errors; not kept.
        stratum : str
        time : datetime
            When it was drawn.
        epoch : int
            The epoch of the stratum that is in force.
        known : datetime, optional
            When that became known here; not before the last event. None: when it was drawn.

        Raises
        ------
        InputError
            Naming the case: an unknown stratum or epoch, or time going back.
        """
        place = self._strata.find(stratum, epoch, case_id)
        if epoch != place.epoch:
            raise InputError(
                f"epoch {place.epoch} of {stratum}, in force", epoch, "draw in it", case_id
            )
        moment = checked_moment(time if known is None else known, self._now, case_id)
        day = checked_moment(time, None, case_id).toordinal()
        self._strata.keep(place)
        self._advance(moment)
        place.draw(day)
        return self.state()

    def open_epoch(self, stratum: str, epoch: int) -> None:
        """Open the next epoch of a stratum: its sampling rate changes now.

        Raises
        ------
        InputError
            If the stratum is unknown, or `epoch` is not the next.
        """
        place = self._strata.find(stratum, 0)
        if epoch != place.epoch + 1:
            raise InputError(
                f"epoch {place.epoch + 1} of {stratum}", epoch, "open epochs one by one"
            )
        self._strata.keep(place)
        place.open_epoch()

    def _take(
        self,
        loss: float,
        case_id: str,
        stratum: str,
        epoch: int,
        time: datetime | None,
        repeat: bool,
        drawn: datetime | None,
        reference_kind: str,
    ) -> HarmState:
        place = self._strata.find(stratum, epoch, case_id)
        moment = self._now if time is None else checked_moment(time, self._now, case_id)
        if repeat:
            return self.state()
        day = day_of_draw(place, drawn, moment, self._first_day(moment), case_id)
        self._strata.keep(place)
        self._advance(moment)
        if reference_kind == "edited" and not self.count_edited:
            place.edited += 1
            return self.state()
        place.answer(loss, epoch, day, self._today)
        self._after_bet(place)
        return self.state()
