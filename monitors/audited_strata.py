"""The strata of an audited monitor, by name: which are known, and what all of them say together."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from numbers import Integral
from typing import Any

from segqc_conformal.errors import InputError
from segqc_conformal.monitors.audited_stratum import AuditedStratum
from segqc_conformal.monitors.checked_audit import checked_moment
from segqc_conformal.monitors.loss_bets import log_sum

__all__ = ["AuditedStrata", "day_of_draw"]


class AuditedStrata:
    """The strata of one monitor.

    Parameters
    ----------
    bound : float
    stakes : tuple of float
    declared : tuple of str or None
        The only ones there are; None: those that audits name.

    Notes
    -----
    Guarantee: see `AuditWatch`.

    Examples
    --------
    >>> strata = AuditedStrata(0.1, (1.0,), None)
    >>> strata.keep(strata.find("accepted/A", 0, "c1"))
    >>> [place.name for place in strata]
    ['accepted/A']
    """

    def __init__(
        self, bound: float, stakes: tuple[float, ...], declared: tuple[str, ...] | None
    ) -> None:
        self._bound, self._stakes, self._declared = bound, stakes, declared
        self._known: dict[str, AuditedStratum] = {}
        for name in declared or ():
            self.keep(self._new(name))

    def _new(self, name: str) -> AuditedStratum:
        return AuditedStratum(name, self._bound, self._stakes)

    def __iter__(self) -> Iterator[AuditedStratum]:
        """Go through the strata, in the order in which they became known."""
        return iter(self._known.values())

    def keep(self, place: AuditedStratum) -> None:
        """Make a stratum that `find` returned one of these."""
        self._known[place.name] = place

    def find(self, stratum: str, epoch: int, case_id: str | None = None) -> AuditedStratum:
        """Return the stratum of that name, a new one where none is declared.

        Raises
        ------
        InputError
            Naming the case: a stratum that is not declared, or an epoch that was never opened.
        """
        named = isinstance(stratum, str) and stratum != ""
        place = self._known.get(stratum) if named else None
        if place is None:
            if self._declared is not None or not named:
                raise InputError(
                    f"a stratum among {list(self._declared or ['(any name)'])[:12]}",
                    stratum,
                    "name the stratum from which the audit was drawn, or start a new monitor",
                    case_id,
                )
            place = self._new(stratum)
        if not (isinstance(epoch, Integral) and 0 <= epoch <= place.epoch):
            raise InputError(
                f"an epoch of {stratum} from 0 to {place.epoch}",
                epoch,
                "open the epoch when the sampling rate changes (open_epoch)",
                case_id,
            )
        return place

    def expire(self, first_day: int) -> None:
        """Let audits drawn before that day become overdue."""
        for place in self:
            place.expire(first_day)

    @property
    def log_evidence(self) -> float:
        """Log of the sum of the strata's statistics."""
        return log_sum([place.bets.log_evidence for place in self])

    @property
    def worst_log_evidence(self) -> float:
        """The same with every overdue audit counted as bad."""
        return log_sum([place.worst.log_evidence for place in self])

    def state(self) -> list[dict[str, Any]]:
        """Return everything needed to go on, in the order of the strata."""
        return [place.state() for place in self]

    def load(self, states: list[dict[str, Any]]) -> None:
        """Go on from `states`."""
        self._known = {}
        for state in states:
            place = self._new(state["name"])
            place.load(state)
            self.keep(place)


def day_of_draw(
    place: AuditedStratum,
    drawn: datetime | None,
    now: datetime | None,
    first_day: int,
    case_id: str,
) -> int | None:
    """Return the day on which an answered audit was drawn; None where draws are not announced.

    Raises
    ------
    InputError
        Naming the case: no time of the draw although draws are announced, or no such audit waits.
    """
    if drawn is None:
        if place.draws:
            raise InputError(
                "the time at which this audit was drawn",
                None,
                "pass `drawn`, as draws of this stratum were announced",
                case_id,
            )
        return None
    moment = checked_moment(drawn, None, case_id)
    day = moment.toordinal()
    if now is None or moment > now or not place.expects(day, first_day):
        raise InputError(
            f"an audit of {place.name} that was drawn and waits for its answer",
            f"none drawn on {moment.date().isoformat()}",
            "announce draws with `drawn`, and answer each once",
            case_id,
        )
    return day
