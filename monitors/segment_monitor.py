"""The monitors of one segment together: OK, BENIGN, STALE, WATCH or HARM, and why."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from segqc_conformal.monitors.accepted_error import AcceptedErrorWatch
from segqc_conformal.monitors.audit_event import AuditEvent
from segqc_conformal.monitors.audited_promises import (
    ACCEPTED_ERROR,
    MISCOVERAGE,
    audit_loss,
    promises_of,
)
from segqc_conformal.monitors.closing import Closing
from segqc_conformal.monitors.coverage import CoverageWatch
from segqc_conformal.monitors.exchangeability import ExchangeabilityWatch
from segqc_conformal.monitors.harm_state import HarmState
from segqc_conformal.monitors.monitor_settings import MonitorSettings
from segqc_conformal.monitors.segments import Segment
from segqc_conformal.monitors.site_counts import SiteCounts
from segqc_conformal.monitors.unwatched_cases import UnwatchedCases
from segqc_conformal.standing import Standing, StateName

__all__ = ["SegmentMonitor"]

STRATUM = "all"  # of a segment: its cases are drawn alike, whatever their site


class SegmentMonitor:
    """Watch one segment of a version.

    Parameters
    ----------
    segment : Segment
        What is promised.
    settings : MonitorSettings
    share : float
        Share of every d of the settings that this segment spends, in (0, 1].
    watch : ExchangeabilityWatch
        Started, with its share of the false alarm.
    started : datetime
        Of the first run.
    dice_threshold : float
        A mask is bad if its Dice is <= this.

    Notes
    -----
    Guarantee: that of each monitor, with the segment's share of d, so that all segments together
    keep the d of the settings: WATCH as `ExchangeabilityWatch`; HARM as `AcceptedErrorWatch` on
    audits of accepted cases, and as `CoverageWatch` on those audits that were drawn at the rate
    which accepted and referred cases share, a random sample of both; closing as `Closing`, for
    each WATCH. A promise over all sites is tested over all sites: audits by site are shown with
    intervals, and alarm nowhere. After BENIGN a new watch starts, with empty bags and a d of its
    own: it compares cases after the closing with one another. STALE and the state of a column have
    no such bound.

    States, the gravest that applies: HARM stays until there is a new version. WATCH is open until
    it closes. STALE: audits are missing, or a column stands still. BENIGN: a WATCH was closed.
    """

    def __init__(
        self,
        segment: Segment,
        settings: MonitorSettings,
        share: float,
        watch: ExchangeabilityWatch,
        started: datetime,
        dice_threshold: float,
    ) -> None:
        self.segment, self.settings, self.share = segment, settings, share
        self.dice_threshold = dice_threshold
        self.watch, self.watch_epoch = watch, 1
        self._periods = 0  # horizons begun by earlier watches
        self.started = self._now = started
        self.seen_cases = self.accepted_cases = 0
        self.sites, self.unwatched = SiteCounts(), UnwatchedCases()
        self.closing: Closing | None = None
        self.accepted = self._accepted_watch()
        self.coverage = self._coverage_watch()
        self.state: StateName = "OK"
        self.since: datetime | None = None

    def _accepted_watch(self) -> AcceptedErrorWatch | None:
        if self.segment.tolerated_error is None:
            return None
        return AcceptedErrorWatch(self.segment.tolerated_error, *self._audit_settings)

    def _coverage_watch(self) -> CoverageWatch | None:
        if self.segment.coverage is None:
            return None
        return CoverageWatch(self.segment.coverage, *self._audit_settings)

    @property
    def _audit_settings(self) -> tuple[int, float, int]:
        return self.settings.audit_horizon, self.audit_delta, self.settings.stale_after_days

    @property
    def audit_delta(self) -> float:
        """The d of each audited alarm of this segment, and of closing a WATCH."""
        return self.settings.audit_false_alarm * self.share

    def seen(self, accepted: bool) -> None:
        """Count a new case of a patient not seen before, whether the watch can take it or not."""
        self.seen_cases += 1
        self.accepted_cases += accepted

    def case(
        self,
        values: Mapping[str, float],
        case_id: str,
        sequence: int,
        site: str,
        time: datetime | None,
    ) -> None:
        """Let the watch take a case.

        Raises
        ------
        InputError
            Naming the case, as `ExchangeabilityWatch.update`; the monitor is then as it was.
        """
        before = self.watch.cases
        state = self.watch.update(values, case_id=case_id, site=site, time=time)
        self.unwatched.forget(site)
        if state.alarm and state.alarmed_at == self.watch.cases == before + 1:
            self.closing = Closing(self._closing_bounds(), self.audit_delta, sequence, time)

    def _closing_bounds(self) -> dict[str, float]:
        bounds, margin = {}, self.settings.benign_margin
        if self.segment.tolerated_error is not None:
            bounds[ACCEPTED_ERROR] = self.segment.tolerated_error + margin
        if self.segment.coverage is not None:
            bounds[MISCOVERAGE] = self.segment.coverage.bound + margin
        return bounds

    def audit(self, event: AuditEvent) -> None:
        """Take a draw or an answer; an answer after its draw.

        Raises
        ------
        InputError
            Naming the case, as the audited monitors do.
        """
        known = max(event.time, self._now)
        watches = self._audited
        for promise in promises_of(self.segment, event):
            watch = watches[promise]
            if event.answer is None:
                watch.drawn(event.case_id, STRATUM, event.time, known=known)
                self._expected(promise, event)
                continue
            loss = audit_loss(promise, event, self.dice_threshold)
            watch.update(
                bool(loss) if promise == ACCEPTED_ERROR else not loss,
                event.case_id,
                STRATUM,
                0,
                known,
                drawn=event.drawn,
                reference_kind=event.reference_kind,
            )
            if event.reference_kind != "edited":
                self._answered(promise, loss, event)
        self._now = known

    def _expected(self, promise: str, event: AuditEvent) -> None:
        if self.closing is not None and self.watch.knows(event.site):
            self.closing.drawn(promise, event.sequence, event.case_time)

    def _answered(self, promise: str, loss: float, event: AuditEvent) -> None:
        self.sites.add(promise, event.site, loss)
        if self.closing is not None and self.watch.knows(event.site):
            self.closing.answered(promise, loss, event.case_id, event.sequence, event.case_time)

    @property
    def now(self) -> datetime:
        """Time of the last event or run."""
        return self._now

    def tick(self, now: datetime) -> None:
        """Take note of the time: audits may have become overdue.

        Raises
        ------
        InputError
            For time going back.
        """
        for watch in self._audited.values():
            watch.tick(now)
        self._now = now

    def settle(self, now: datetime) -> tuple[StateName, StateName] | None:
        """Decide the state; return (before, after) where it changed."""
        state = self._decide()
        if state == self.state:
            return None
        before, self.state, self.since = self.state, state, now
        return before, state

    def _decide(self) -> StateName:
        if any(found.alarm for found in self._harm_states().values()):
            return "HARM"
        missing = bool(self._missing())
        if self.closing is not None:
            return "BENIGN" if self.closing.closed and not missing else "WATCH"
        if missing:
            return "STALE"
        return "BENIGN" if self.watch_epoch > 1 else "OK"

    @property
    def _audited(self) -> dict[str, AcceptedErrorWatch | CoverageWatch]:
        both = {ACCEPTED_ERROR: self.accepted, MISCOVERAGE: self.coverage}
        return {promise: watch for promise, watch in both.items() if watch is not None}

    def _harm_states(self) -> dict[str, HarmState]:
        return {promise: watch.state() for promise, watch in self._audited.items()}

    def _missing(self) -> tuple[str, ...]:
        """Say which evidence is missing."""
        # nothing can be expected before an audit drawn in the first run could have been answered
        days = timedelta(days=self.settings.stale_after_days)
        late = self._now >= self.started + days and self.seen_cases > 0
        missing = []
        for promise, found in self._harm_states().items():
            asked = promise != ACCEPTED_ERROR or self.accepted_cases > 0
            if late and asked and found.state == "STALE":
                missing.append(f"{promise}: {found.reason}")
        if late and self.segment.untested:
            missing.append("no audit can test intervals whose weights were estimated")
        missing += [f"{name} has stood still" for name in self.watch.frozen]
        missing += self.unwatched.reasons(self._now, days)
        return tuple(missing)

    @property
    def reasons(self) -> tuple[str, ...]:
        """Why the state is not OK, gravest first."""
        broken = [
            f"{promise} above {watch.bound:.3g}, seen at audit {watch.state().alarmed_at}"
            for promise, watch in self._audited.items()
            if watch.state().alarm
        ]
        changed = []
        if self.closing is not None:
            state = self.watch.state()
            changed = [
                f"{', '.join(state.located)} changed at about case {state.change_case_id}, noticed "
                f"at case {state.alarmed_at}",
                *(() if broken else self.closing.words),
            ]
        return (*broken, *changed, *self._missing())

    def evidence(self) -> dict[str, Any]:
        """Return what the audited monitors know, as JSON values."""
        found: dict[str, Any] = {"watch": self.watch.state().log_evidence}
        for promise, state in self._harm_states().items():
            place = state.strata.get(STRATUM)
            found[promise] = {
                "state": state.state,
                "log_evidence": state.log_evidence,
                "audits": state.audits,
                "alarmed_at": state.alarmed_at,
                "losses": place.all_loss if place else 0.0,
                "interval": list(place.interval) if place else [0.0, 1.0],
                "waiting": place.pending if place else 0,
                "overdue": place.overdue if place else 0,
                "edited": place.edited if place else 0,
                "sites": self.sites.told(promise, self.audit_delta),
            }
        if self.closing is not None:
            found["since_alarm"] = {
                promise: {
                    "audits": self.closing.audits(promise),
                    "upper": self.closing.upper(promise),
                    "bound": bound,
                }
                for promise, bound in self.closing.bounds.items()
            }
        return found

    def open_new_watch(self, watch: ExchangeabilityWatch) -> None:
        """Go on after BENIGN with a watch of the cases to come."""
        self._periods += _horizons(self.watch.cases, self.settings.horizon)
        self.watch, self.closing = watch, None
        self.watch_epoch += 1

    @property
    def spent(self) -> dict[str, float]:
        """Bounds on what may go wrong so far, by kind; a horizon that began counts whole.

        Notes
        -----
        Guarantee: by the union bound, the probability of anything of a kind going wrong is at most
        its entry, those of the certificates (`CoverageBound.d_certificate`) included.
        """
        delta, horizon = self.audit_delta, self.settings.audit_horizon
        periods = self._periods + _horizons(self.watch.cases, self.settings.horizon)
        found = {"false WATCH": self.watch.false_alarm * periods}
        for promise, state in self._harm_states().items():
            found[f"false HARM ({promise})"] = delta * _horizons(state.audits, horizon)
        if self.coverage is not None:
            found["calibration behind the test of coverage"] = self.coverage.coverage.d_certificate
        watches = self.watch_epoch - 1 + (self.closing is not None)
        found["wrong BENIGN"] = delta * watches
        return {kind: share for kind, share in found.items() if share}

    @property
    def standing(self) -> Standing:
        """What verdicts must say."""
        refer = self.state == "HARM" or (
            self.state == "WATCH" and self.settings.on_watch == "refer"
        )
        return Standing(
            segment=self.segment.name,
            sites=self.segment.sites,
            state=self.state,
            since=None if self.since is None else self.since.isoformat(),
            reasons=self.reasons,
            refer=refer,
        )

    def to_dict(self) -> dict[str, Any]:
        """Return the whole state as JSON values of fixed size."""
        return {
            "name": self.segment.name,
            "started": self.started.isoformat(),
            "now": self._now.isoformat(),
            "watch_epoch": self.watch_epoch,
            "periods": self._periods,
            "cases": [self.seen_cases, self.accepted_cases],
            "sites": self.sites.state(),
            "unwatched": self.unwatched.state(),
            "state": self.state,
            "since": None if self.since is None else self.since.isoformat(),
            "watch": json.loads(self.watch.to_json()),
            "closing": None if self.closing is None else self.closing.state(),
            "accepted": None if self.accepted is None else json.loads(self.accepted.to_json()),
            "coverage": None if self.coverage is None else json.loads(self.coverage.to_json()),
        }

    @classmethod
    def from_dict(
        cls,
        state: Mapping[str, Any],
        segment: Segment,
        settings: MonitorSettings,
        share: float,
        dice_threshold: float,
    ) -> SegmentMonitor:
        """Go on from `state`.

        Raises
        ------
        FileFormatError
            If a monitor in it cannot be read.
        """
        watch = ExchangeabilityWatch.from_json(json.dumps(state["watch"]))
        started = datetime.fromisoformat(state["started"])
        found = cls(segment, settings, share, watch, started, dice_threshold)
        found._now = datetime.fromisoformat(state["now"])
        found.watch_epoch, found._periods = state["watch_epoch"], state["periods"]
        found.seen_cases, found.accepted_cases = state["cases"]
        found.sites = SiteCounts(state["sites"])
        found.unwatched = UnwatchedCases(state["unwatched"])
        found.state = state["state"]
        found.since = None if state["since"] is None else datetime.fromisoformat(state["since"])
        if state["closing"] is not None:
            found.closing = Closing.from_state(state["closing"])
        if state["accepted"] is not None:
            found.accepted = AcceptedErrorWatch.from_json(json.dumps(state["accepted"]))
        if state["coverage"] is not None:
            found.coverage = CoverageWatch.from_json(json.dumps(state["coverage"]))
        return found


def _horizons(number: int, horizon: int) -> int:
    """Return how many horizons have begun."""
    return -(-number // horizon)
