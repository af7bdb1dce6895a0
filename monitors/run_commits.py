"""The commits of a run: verdicts are told first, so that the log is never ahead of them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime

from segqc_conformal.calibration_folder import CalibrationFolder
from segqc_conformal.case_log import CaseLog, Event, SavedMonitor
from segqc_conformal.monitors.version_monitor import VersionMonitor

__all__ = ["MONITOR", "RunCommits"]

MONITOR = "version"


@dataclass
class RunCommits:
    """The monitors of a run, and how far they are in the log.

    Parameters
    ----------
    log : CaseLog
    monitor : VersionMonitor
    saved : SavedMonitor or None
        As the log has it; None: not yet.
    now : datetime
        Of the run.
    folder : CalibrationFolder or None
        Where verdicts are told; None: nobody is.
    notify : bool
        As in `run_monitors`.

    Notes
    -----
    Guarantee: none statistical. A run that dies between telling verdicts and the commit is
    repeated by the next one, which tells them the same.
    """

    log: CaseLog
    monitor: VersionMonitor
    saved: SavedMonitor | None
    now: datetime
    folder: CalibrationFolder | None
    notify: bool

    def begin(self) -> None:
        """Commit when the monitors began, before verdicts are told: it is what names this log."""
        self._commit([], lambda: None)

    def commit(self, events: Sequence[Event]) -> None:
        """Tell verdicts, and commit."""
        self._commit(events, self._publish)

    def _commit(self, events: Sequence[Event], before_commit: Callable[[], None]) -> None:
        new = SavedMonitor(self.monitor.cases, self.monitor.to_json())
        self.log.commit_monitor(
            MONITOR,
            self.monitor.gate.id,
            new,
            previous=self.saved,
            events=events,
            spent={each.segment.name: each.spent for each in self.monitor},
            now=self.now,
            notify=self.notify,
            before_commit=before_commit,
        )
        self.saved = new

    def _publish(self) -> None:
        if self.folder is not None:
            self.folder.publish(
                self.monitor.gate.id,
                self.monitor.standings,
                log=self.monitor.started,
                stale_after_days=self.monitor.settings.stale_after_days,
            )
