"""What the audited monitors share: the rule of the alarm, the clock, and the state as JSON."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from math import inf, log
from typing import Any, ClassVar, Literal, Self

from segqc_conformal.calibrators.checks import percent
from segqc_conformal.errors import FileFormatError, InputError, on_one_line
from segqc_conformal.monitors.audited_strata import AuditedStrata
from segqc_conformal.monitors.audited_stratum import AuditedStratum
from segqc_conformal.monitors.checked_audit import (
    checked_moment,
    checked_settings,
    checked_strata,
)
from segqc_conformal.monitors.harm_state import HarmState, StratumState
from segqc_conformal.monitors.missing_evidence import missing_evidence

__all__ = ["AuditWatch"]


class AuditWatch:
    """The evidence of all strata against one bound: HARM, STALE or OK.

    Parameters
    ----------
    bound : float
        Largest mean loss that is tolerated, in (0, 1).
    stakes_of : callable
        Makes the stakes of `LossBets` from the bound.
    horizon, false_alarm, stale_after_days, strata, count_edited
        As in `AcceptedErrorWatch`.

    Raises
    ------
    InputError
        For settings out of range.

    Notes
    -----
    Guarantee: P(HARM within `horizon` audits, of all strata together) <= `false_alarm`, if the
    mean loss of every audit, given all earlier answers, is at most the bound. Each stratum has a
    Shiryaev-Roberts statistic of its own, and an audit moves only that of its stratum; so the
    expected sum grows by at most 1 with each audit, and P(sum >= horizon / d within `horizon`
    audits) <= d by optional stopping. This is the union bound with shares of d that nobody has to
    know beforehand: a stratum pays for its share of the audits. After k horizons the bound is
    ``k * false_alarm``.
    STALE has no such bound: it says that evidence is missing.

    Examples
    --------
    >>> from segqc_conformal.monitors import AcceptedErrorWatch
    >>> watch = AcceptedErrorWatch(horizon=1_000, false_alarm=0.05)
    >>> state = watch.update(True, "c1", stratum="accepted/A")
    >>> again = AcceptedErrorWatch.from_json(watch.to_json())
    >>> again.state() == state, round(state.log_evidence, 3)
    (True, -6.053)
    """

    SCHEMA: ClassVar[str]
    _largest_loss = 1.0

    def __init__(
        self,
        bound: float,
        stakes_of: Callable[[float], tuple[float, ...]],
        horizon: int,
        false_alarm: float,
        stale_after_days: int,
        strata: Sequence[str] | None = None,
        count_edited: bool = False,
    ) -> None:
        checked_settings(bound, horizon, false_alarm, stale_after_days)
        stakes = stakes_of(bound)
        if not stakes:
            raise InputError("a bound below 0.8", bound, "an error this common needs no monitor")
        self.bound = float(bound)
        self.horizon, self.false_alarm = horizon, float(false_alarm)
        self.stale_after_days, self.count_edited = stale_after_days, bool(count_edited)
        self.strata = checked_strata(strata)
        self.audits = 0
        self._log_threshold = log(horizon) - log(self.false_alarm)
        self._alarmed_at: int | None = None
        self._located: list[str] = []
        self._now: datetime | None = None
        self._strata = AuditedStrata(self.bound, stakes, self.strata)

    def tick(self, now: datetime) -> HarmState:
        """Take note of the time: audits may have become overdue.

        Raises
        ------
        InputError
            For time going back.
        """
        self._advance(checked_moment(now, self._now))
        return self.state()

    def _after_bet(self, place: AuditedStratum) -> None:
        self.audits += 1
        if self._alarmed_at is None and self._strata.log_evidence >= self._log_threshold:
            self._alarmed_at = self.audits
        own = place.bets.log_evidence
        if own >= self._log_threshold and place.name not in self._located:
            self._located.append(place.name)

    def _first_day(self, now: datetime | None) -> int:
        """Return the earliest day whose audits are not overdue; 0 while no time is known."""
        return 0 if now is None else now.toordinal() - self.stale_after_days

    @property
    def _today(self) -> int | None:
        return None if self._now is None else self._now.toordinal()

    def _advance(self, moment: datetime | None) -> None:
        self._now = moment
        self._strata.expire(self._first_day(moment))

    @property
    def promise(self) -> str:
        """What holds, in words for a person."""
        return (
            f"At most a {percent(self.false_alarm)} chance of a false alarm in {self.horizon} "
            f"audits, as long as the mean loss is at most {self.bound:.3g}."
        )

    def state(self) -> HarmState:
        """Return what the monitor knows now."""
        state, reason = self._verdict()
        return HarmState(
            state,
            reason,
            self._on_scale(self._strata.log_evidence),
            self.audits,
            self._alarmed_at,
            tuple(self._located),
            {place.name: self._of_stratum(place) for place in self._strata},
        )

    def _verdict(self) -> tuple[Literal["OK", "HARM", "STALE"], str]:
        if self._alarmed_at is not None:
            return "HARM", f"mean loss above {self.bound:g}, seen at audit {self._alarmed_at}"
        places, first = list(self._strata), self._first_day(self._now)
        reason = missing_evidence(places, first, self.stale_after_days)
        if not reason and self._strata.worst_log_evidence >= self._log_threshold:
            overdue = sum(place.overdue for place in places)
            reason = f"HARM cannot be excluded: {overdue} audits are overdue, all could be bad"
        return ("STALE", reason) if reason else ("OK", "")

    def _on_scale(self, log_r: float) -> float | None:
        return None if log_r == -inf else log_r - log(self.horizon)

    def _of_stratum(self, place: AuditedStratum) -> StratumState:
        return StratumState(
            place.epoch,
            place.audits,
            place.loss,
            place.all_audits,
            place.all_loss,
            place.edited,
            place.waiting,
            place.overdue,
            self._on_scale(place.bets.log_evidence),
            self.false_alarm / max(1, len(self.strata or ())),
            self._largest_loss,
        )

    def _settings(self) -> dict[str, Any]:
        """Return what the constructor was given, as JSON values."""
        return {
            "horizon": self.horizon,
            "false_alarm": self.false_alarm,
            "stale_after_days": self.stale_after_days,
            "strata": None if self.strata is None else list(self.strata),
            "count_edited": self.count_edited,
        }

    @classmethod
    def _from_settings(cls, settings: Mapping[str, Any]) -> Self:
        return cls(**settings)

    def to_json(self) -> str:
        """Return the whole state as JSON, whose size does not grow with the audits."""
        state = {
            "schema": self.SCHEMA,
            "settings": self._settings(),
            "audits": self.audits,
            "alarmed_at": self._alarmed_at,
            "located": self._located,
            "now": None if self._now is None else self._now.isoformat(),
            "strata": self._strata.state(),
        }
        return json.dumps(state, sort_keys=True, allow_nan=False, separators=(",", ":"))

    @classmethod
    def from_json(cls, text: str) -> Self:
        """Go on from `text`, as `to_json` wrote it.

        Raises
        ------
        FileFormatError
            If `text` is not the state of such a monitor.
        """
        try:
            state: dict[str, Any] = json.loads(text)
            if state["schema"] != cls.SCHEMA:
                raise ValueError(f"schema {state['schema']}")
            watch = cls._from_settings(state["settings"])
            if watch._settings() != state["settings"]:
                raise ValueError(f"settings {state['settings']}")
            watch._load(state)
        except (ValueError, KeyError, TypeError, AttributeError, InputError) as error:
            raise FileFormatError(
                f"a state of schema {cls.SCHEMA}",
                on_one_line(error),
                "restore the log from a backup, or start a new monitor",
            ) from error
        return watch

    def _load(self, state: Mapping[str, Any]) -> None:
        self.audits, self._alarmed_at = state["audits"], state["alarmed_at"]
        self._located = list(state["located"])
        self._now = None if state["now"] is None else datetime.fromisoformat(state["now"])
        self._strata.load(state["strata"])
