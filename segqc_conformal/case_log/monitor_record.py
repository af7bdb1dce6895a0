"""What a case log keeps of the monitors: states, events, notices, certificates and the ledger."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from datetime import datetime
from typing import Any

import pandas as pd

from segqc_conformal.case_log.engine import reading, writing
from segqc_conformal.case_log.monitoring import (
    Event,
    LogCounts,
    SavedMonitor,
    read_counts,
    read_events,
    read_state,
    read_states,
    write_events,
    write_state,
)
from segqc_conformal.case_log.open_log import OpenLog
from segqc_conformal.case_log.outbox import Notice, due_notices, record_delivery, record_failure
from segqc_conformal.case_log.run_lock import only_run
from segqc_conformal.case_log.spending import (
    keeps,
    read_certificates,
    read_ledger,
    write_certificate,
    write_spent,
)
from segqc_conformal.certificate import GateCertificate

__all__ = ["MonitorRecord"]


class MonitorRecord(OpenLog):
    """The part of a `CaseLog` that monitors read and write; each call is one transaction."""

    def monitor_state(self, name: str, calibration: str) -> SavedMonitor | None:
        """Return the saved state of the monitor `name` of a calibration; None before the first."""
        with reading(self._engine) as connection:
            return read_state(connection, name, calibration)

    def monitor_states(self, name: str) -> dict[str, SavedMonitor]:
        """Return the saved states of the monitor `name`, by calibration."""
        with reading(self._engine) as connection:
            return read_states(connection, name)

    def commit_monitor(
        self,
        name: str,
        calibration: str,
        saved: SavedMonitor,
        *,
        previous: SavedMonitor | None,
        events: Sequence[Event] = (),
        spent: Mapping[str, Mapping[str, float]] | None = None,
        now: datetime,
        notify: bool = False,
        before_commit: Callable[[], None] = lambda: None,
    ) -> None:
        """Save state, cursor, events and what was spent by a monitor in one transaction.

        Parameters
        ----------
        name, calibration : str
            Which monitor.
        saved : SavedMonitor
            State, and the last case that it contains.
        previous : SavedMonitor or None
            From which this run went on; None for a first run.
        events : sequence of Event
            Recorded at the time `now`.
        spent : mapping, optional
            Of each segment: what was spent of what may go wrong, by kind.
        now : datetime
            Time of the run.
        notify : bool
            Whether a webhook is to be told: `due_notices` then has the changes of state.
        before_commit : callable
            Called when all is written; if it raises, nothing is saved.

        Raises
        ------
        InputError
            If another run has gone on meanwhile; nothing is then saved.
        """
        with writing(self._engine) as connection:
            write_state(connection, name, calibration, saved, previous)
            write_events(connection, events, now, notify=notify)
            write_spent(connection, calibration, spent or {}, now)
            before_commit()

    def only_run(self, wait_s: float = 0.0) -> AbstractContextManager[None]:
        """Keep every other run of the monitors out while a block lasts.

        Parameters
        ----------
        wait_s : float
            How long to wait for a run that is going on.

        Raises
        ------
        BusyError
            If it goes on for longer.
        """
        return only_run(self._engine, wait_s)

    def counts(self, now: datetime, stale_after_days: int) -> LogCounts:
        """Return the numbers of cases, of unanswered audits, and of those of them that are overdue.

        Parameters
        ----------
        now : datetime
        stale_after_days : int
            Days after which an audit is overdue.
        """
        with reading(self._engine) as connection:
            return read_counts(connection, now, stale_after_days)

    def keep_certificate(self, certificate: GateCertificate, *, now: datetime) -> None:
        """Keep what a version promised and spent, as soon as the log has a case that it judged.

        Where ids are hashed, the pseudonyms and the faults by case of the certificate are left out.
        """
        with reading(self._engine) as connection:
            known = keeps(connection, certificate.id)
        if not known:
            with writing(self._engine) as connection:
                write_certificate(connection, certificate, now)

    def certificates(self) -> pd.DataFrame:
        """Return the certificates of all versions that judged or watched cases of this log.

        Returns
        -------
        DataFrame
            ``calibration, certificate, first_seen``. Where ids are stored as given, ``calibration``
            is the SHA-256 of ``certificate``, a JSON text.
        """
        with reading(self._engine) as connection:
            return read_certificates(connection)

    def ledger(self) -> pd.DataFrame:
        """Return what these certificates and their monitors spent of what may go wrong.

        Returns
        -------
        DataFrame
            ``calibration, segment, what, spent, time`` (of the last change).
        """
        with reading(self._engine) as connection:
            return read_ledger(connection)

    def due_notices(self, now: datetime) -> list[Notice]:
        """Return what a webhook is still to be told and may be tried at `now`, oldest first."""
        with reading(self._engine) as connection:
            return due_notices(connection, now)

    def record_delivery(self, notice: Notice, *, now: datetime) -> None:
        """Record that the receiver took a notice."""
        with writing(self._engine) as connection:
            record_delivery(connection, notice.key, now)

    def record_failure(self, notice: Notice, *, next_attempt: datetime) -> None:
        """Record that the receiver did not take a notice, and from when on to try again."""
        with writing(self._engine) as connection:
            record_failure(connection, notice.key, next_attempt)

    def record_event(self, kind: str, detail: Mapping[str, Any], *, now: datetime) -> None:
        """Record that something happened; `detail` holds JSON values."""
        with writing(self._engine) as connection:
            write_events(connection, [Event(kind, detail)], now)

    def events(self) -> pd.DataFrame:
        """Return all events: ``number, time, kind, detail``, in order."""
        with reading(self._engine) as connection:
            return read_events(connection)
