"""HARM for one promise over cases that are audited at different rates."""

from __future__ import annotations

from datetime import datetime
from functools import partial
from typing import Any

from segqc_conformal.calibrators.checks import percent
from segqc_conformal.errors import InputError
from segqc_conformal.monitors.audit_watch import AuditWatch
from segqc_conformal.monitors.checked_audit import checked_loss, checked_moment
from segqc_conformal.monitors.harm_state import HarmState
from segqc_conformal.monitors.loss_bets import weighted_stakes

__all__ = ["InverseProbabilityWatch"]

ALL_CASES = "all cases"


class InverseProbabilityWatch(AuditWatch):
    """Notice that a mean loss over all cases exceeds its bound, from audits at different rates.

    Each case counts: loss / probability if it was audited, 0 if not. So cases that are audited
    rarely weigh as much as those that are audited often, which pooled audits get wrong.

    Parameters
    ----------
    bound : float
        Largest mean loss that is tolerated, in (0, 0.8): a tolerated error over accepted cases, or
        a `CoverageBound.bound` over all.
    smallest_probability : float
        Of an audit, in (0, 1]; fixed beforehand.
    all_reported : bool
        Must be True, as a statement: every case is reported, audited or not, with the probability
        with which it might have been audited.
    horizon : int
        Number of cases N (not audits) over which the false alarm is bounded, >= 1.
    false_alarm, stale_after_days, count_edited
        As in `AcceptedErrorWatch`.

    Raises
    ------
    InputError
        For settings out of range, and without `all_reported`.

    Notes
    -----
    Guarantee: P(alarm within `horizon` cases) <= `false_alarm`, if the mean loss of a case, given
    all earlier ones, is at most `bound`, and it is audited at random with the probability
    reported. The stakes depend on `smallest_probability` only: stakes that looked at the
    probability of the case would bet more on the cases that are audited often. Cases are reported
    in their own order, each once it is known what its audit said: in the order of the answers those
    that were not audited would come too early, and restarts would profit from that.
    Source: inverse-probability weights of Horvitz and Thompson 1952; bets as in `LossBets`.

    Examples
    --------
    >>> watch = InverseProbabilityWatch(0.1, smallest_probability=0.1, all_reported=True)
    >>> state = watch.update("c1", probability=0.1)
    >>> state = watch.update("c2", probability=1.0, loss=0.0)
    >>> state = watch.update("c3", probability=0.1, loss=1.0)
    >>> state.audits, state.strata["all cases"].all_loss
    (3, 10.0)
    """

    SCHEMA = "inverse-probability-watch/1"

    def __init__(
        self,
        bound: float,
        smallest_probability: float,
        all_reported: bool = False,
        horizon: int = 10_000,
        false_alarm: float = 0.05,
        stale_after_days: int = 30,
        count_edited: bool = False,
    ) -> None:
        if all_reported is not True:
            raise InputError(
                "every case reported with the probability of its audit (all_reported=True)",
                all_reported,
                "report cases that were not audited too, or use AcceptedErrorWatch by strata: "
                "weights over audited cases alone have no theorem",
            )
        if not 0.0 < smallest_probability <= 1.0:
            raise InputError("a probability in (0, 1]", smallest_probability, "for example 0.05")
        self.smallest_probability = float(smallest_probability)
        self._largest_loss = 1.0 / self.smallest_probability
        super().__init__(
            bound,
            partial(weighted_stakes, smallest_probability=self.smallest_probability),
            horizon,
            false_alarm,
            stale_after_days,
            (ALL_CASES,),
            count_edited,
        )

    def update(
        self,
        case_id: str,
        probability: float,
        loss: float | None = None,
        time: datetime | None = None,
        repeat: bool = False,
        overdue: bool = False,
        reference_kind: str = "expert",
    ) -> HarmState:
        """Take one case, in the order of the cases.

        Parameters
        ----------
        case_id : str
            Named in errors; not kept.
        probability : float
            With which it might have been audited, in [smallest_probability, 1].
        loss : float or bool, optional
            What its audit said, in [0, 1]; None: it was not drawn, or its answer is overdue.
        time : datetime, optional
            When that was known; not before the last case's.
        repeat : bool
            True for a further case of a patient seen before: it gets no bet.
        overdue : bool
            True for a case that was drawn and of which no answer is waited for any more: 0 in the
            bets, the worst in those that decide on STALE.
        reference_kind : str
            "edited" for a mask edited from ours: as an overdue one.

        Raises
        ------
        InputError
            Naming the case: a loss or a probability out of range, a loss for an overdue audit, or
            time going back. The monitor is then as it was.
        """
        if not self.smallest_probability <= probability <= 1.0:
            raise InputError(
                f"a probability in [{self.smallest_probability:g}, 1]",
                probability,
                "start a new monitor before a rate is lowered",
                case_id,
            )
        found = None if loss is None else checked_loss(loss, case_id)
        if overdue and found is not None:
            raise InputError("no loss for an overdue audit", loss, "report what came", case_id)
        moment = self._now if time is None else checked_moment(time, self._now, case_id)
        if repeat:
            return self.state()
        place = self._strata.find(ALL_CASES, 0)
        edited = found is not None and reference_kind == "edited" and not self.count_edited
        self._advance(moment)
        place.edited += edited
        if overdue or edited:
            place.overdue += 1
            place.bet(0.0, 1.0 / probability, 0)
        elif found is None:
            place.bet(0.0, 0.0, 0)
        else:
            place.answer(found / probability, 0, None, self._today)
        self._after_bet(place)
        return self.state()

    @property
    def promise(self) -> str:
        """What holds, in words for a person."""
        return (
            f"At most a {percent(self.false_alarm)} chance of a false alarm in {self.horizon} "
            f"cases, audited or not, as long as the mean loss is at most {self.bound:.3g}."
        )

    def _settings(self) -> dict[str, Any]:
        base = super()._settings()
        del base["strata"]
        own = {"bound": self.bound, "smallest_probability": self.smallest_probability}
        return {**own, "all_reported": True, **base}
