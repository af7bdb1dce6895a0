"""All segments of one version: their monitors, and how far the log has been read."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import asdict
from datetime import datetime
from typing import Any

import pandas as pd

from segqc_conformal.errors import FileFormatError, InputError, on_one_line
from segqc_conformal.monitors.monitor_settings import MonitorSettings
from segqc_conformal.monitors.segment_monitor import SegmentMonitor
from segqc_conformal.monitors.segments import Segment, WatchedGate
from segqc_conformal.monitors.streams import start_watch
from segqc_conformal.standing import Standing

__all__ = ["VersionMonitor"]

SCHEMA = "version-monitor/1"


class VersionMonitor:
    """The monitors of every segment of a version; their whole state is JSON of fixed size.

    Parameters
    ----------
    gate : WatchedGate
    settings : MonitorSettings
        Every d of it is shared equally by the segments.
    started : datetime
        Of the first run.

    Attributes
    ----------
    cases, draws, answers : int
        Cursors: sequence number of the last case read, of the last drawn case read, and number of
        the last answer read.

    Raises
    ------
    InputError
        If a segment has no calibration case to start from.

    Notes
    -----
    Guarantee: that of `SegmentMonitor`.
    """

    def __init__(self, gate: WatchedGate, settings: MonitorSettings, started: datetime) -> None:
        self.gate, self.settings = gate, settings
        self.cases = self.draws = self.answers = 0
        self._segments = {segment.name: self._new(segment, started) for segment in gate.segments}

    def _new(self, segment: Segment, started: datetime) -> SegmentMonitor:
        settings, share = self.settings, self._share
        watch = start_watch(
            _profile_of(self.gate.profile, segment),
            settings.seed,
            settings.horizon,
            settings.false_alarm * share,
        )
        return SegmentMonitor(segment, settings, share, watch, started, self.gate.dice_threshold)

    @property
    def _share(self) -> float:
        return 1.0 / len(self.gate.segments)

    def __iter__(self) -> Iterator[SegmentMonitor]:
        """Go through the segments."""
        return iter(self._segments.values())

    def of_site(self, site: str, case_id: str) -> SegmentMonitor:
        """Return the monitor of a site.

        Raises
        ------
        InputError
            Naming the case: a site about which nothing is promised.
        """
        segment = self.gate.segment_of(site)
        if segment is None:
            raise InputError(
                "a site of the calibration",
                site,
                "calibrate with cases of this site, or correct its name",
                case_id,
            )
        return self._segments[segment.name]

    @property
    def started(self) -> str:
        """When the first run was, in ISO form: no two logs began at the same microsecond."""
        return min(segment.started for segment in self).isoformat()

    def unknown_site(self, site: str, now: datetime) -> None:
        """Remember in every segment that cases came from a site about which nothing is promised."""
        for segment in self:
            segment.unwatched.note(site, now)

    def check_time(self, now: datetime) -> None:
        """Refuse a run before the last one.

        Raises
        ------
        InputError
        """
        last = max(segment.now for segment in self)
        if now < last:
            raise InputError(
                f"a time not before {last.isoformat()}, that of the last run",
                now.isoformat(),
                "correct the clock of this machine, or --as-of",
            )

    @property
    def standings(self) -> tuple[Standing, ...]:
        """What verdicts must say of each segment."""
        return tuple(segment.standing for segment in self)

    def to_json(self) -> str:
        """Return the whole state as JSON, whose size does not grow with the cases."""
        state = {
            "schema": SCHEMA,
            "settings": asdict(self.settings),
            "cursors": [self.cases, self.draws, self.answers],
            "segments": [segment.to_dict() for segment in self],
        }
        return json.dumps(state, sort_keys=True, allow_nan=False, separators=(",", ":"))

    @classmethod
    def from_json(cls, text: str, gate: WatchedGate) -> VersionMonitor:
        """Go on from `text`, as `to_json` wrote it.

        Raises
        ------
        FileFormatError
            If `text` is not the state of the monitors of this gate.
        """
        try:
            state: dict[str, Any] = json.loads(text)
            if state["schema"] != SCHEMA:
                raise ValueError(f"schema {state['schema']}")
            found = cls.__new__(cls)
            found.gate, found.settings = gate, MonitorSettings(**state["settings"])
            found.cases, found.draws, found.answers = state["cursors"]
            saved = {each["name"]: each for each in state["segments"]}
            if set(saved) != {segment.name for segment in gate.segments}:
                raise ValueError(f"segments {sorted(saved)}")
            found._segments = {
                segment.name: SegmentMonitor.from_dict(
                    saved[segment.name],
                    segment,
                    found.settings,
                    found._share,
                    gate.dice_threshold,
                )
                for segment in gate.segments
            }
        except (ValueError, KeyError, TypeError, AttributeError, InputError) as error:
            raise FileFormatError(
                f"a state of schema {SCHEMA} of this version",
                on_one_line(error),
                "restore the log from a backup, or calibrate a new version",
            ) from error
        return found


def _profile_of(profile: pd.DataFrame, segment: Segment) -> pd.DataFrame:
    """Return the calibration rows of a segment, and the fit rows, which set bin edges only."""
    if segment.sites is None:
        return profile
    return profile[(profile["role"] == "fit") | profile["site"].isin(segment.sites)]
