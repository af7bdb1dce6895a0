"""The case log: what was judged, audited and noticed, in SQLite or PostgreSQL."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from contextlib import AbstractContextManager
from datetime import datetime
from types import TracebackType
from typing import Any, Self

import pandas as pd
from sqlalchemy import select

from segqc_conformal.case_log import schema
from segqc_conformal.case_log.adding import AddResult, add_cases
from segqc_conformal.case_log.audit_rates import AuditRates, RatesAt
from segqc_conformal.case_log.audited import (
    answered_audits,
    answers_after,
    draws_after,
    never_drawn,
    pending_cases,
)
from segqc_conformal.case_log.audits import answer_audit, draw_cases
from segqc_conformal.case_log.engine import open_engine, writing
from segqc_conformal.case_log.monitoring import (
    Event,
    LogCounts,
    SavedMonitor,
    read_cases,
    read_counts,
    read_events,
    read_pace,
    read_state,
    read_states,
    read_stream_rows,
    write_events,
    write_state,
)
from segqc_conformal.case_log.outbox import Notice, due_notices, record_delivery, record_failure
from segqc_conformal.case_log.rows import check_verdicts
from segqc_conformal.case_log.run_lock import only_run
from segqc_conformal.errors import InputError

__all__ = ["CaseLog"]


class CaseLog:
    """Keep cases, verdicts, features, audits, monitor states and events; no statistics.

    Parameters
    ----------
    url : str
        SQLAlchemy URL: ``sqlite:///folder/log.db`` or ``postgresql+psycopg://user@host/name``.
    create : bool
        False: an SQLite file that does not exist is refused instead of made.

    Raises
    ------
    InputError
        If `url` cannot be read as one.
    FileFormatError
        If the database cannot be opened, or is none.

    Notes
    -----
    Guarantee: none statistical. Each call is one transaction; sequence numbers count 1, 2, 3, ...
    in the order of the commits, and at most one case of a patient is no repeat.

    Examples
    --------
    >>> import tempfile
    >>> verdicts = pd.DataFrame({"case_id": ["c1"], "patient_id": ["p1"], "structure": ["liver"],
    ...     "site": ["A"], "time": [None], "predicted_dice": [0.9], "dice_low": [0.8],
    ...     "dice_high": [1.0], "accept": [True], "accept_score": [2.0], "reason": ["certified"],
    ...     "message": [""], "model_id": ["m"], "calibration": ["f00d"]})
    >>> with tempfile.TemporaryDirectory() as folder, CaseLog(f"sqlite:///{folder}/l.db") as log:
    ...     log.add(verdicts).added, log.add(verdicts).already_present
    (('c1',), ('c1',))
    """

    def __init__(self, url: str, *, create: bool = True) -> None:
        self._engine = open_engine(url, create)

    def __enter__(self) -> Self:
        """Return the log itself."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Close the log."""
        self.close()

    def close(self) -> None:
        """Close the connections to the database."""
        self._engine.dispose()

    def add(
        self,
        verdicts: pd.DataFrame,
        features: pd.DataFrame | None = None,
        *,
        gate_patients: Collection[str] = (),
    ) -> AddResult:
        """Add judged cases; those already present stay as they are.

        Parameters
        ----------
        verdicts : DataFrame
            A verdict table. Its cases are numbered by time, unknown times last.
        features : DataFrame, optional
            A feature table with these cases; rows of others are left out. Monitors of features
            and recalibration need it.
        gate_patients : collection of str
            `CalibratedGate.patients`: a case of theirs counts as a repeat, because the monitors
            have seen its patient already.

        Returns
        -------
        AddResult

        Raises
        ------
        InputError
            If the table cannot be used, or a case id belongs to another patient; nothing is then
            added.
        """
        rows = check_verdicts(verdicts)
        if features is not None and not {"case_id", "structure"} <= set(features.columns):
            raise InputError(
                "a feature table with case_id and structure",
                list(features.columns)[:12],
                "make it with extract_features",
            )
        with writing(self._engine) as connection:
            return add_cases(connection, rows, features, gate_patients)

    def cases_after(
        self, cursor: int = 0, calibration: str | None = None, limit: int | None = None
    ) -> pd.DataFrame:
        """Return the cases whose sequence number is above `cursor`, in order.

        Parameters
        ----------
        cursor : int
            Sequence number, >= 0.
        calibration : str, optional
            Only cases judged by this version.
        limit : int, optional
            At most so many cases.

        Returns
        -------
        DataFrame
            ``sequence, case_id, patient_id, site, time, model_id, calibration, repeat``.
        """
        with self._engine.connect() as connection:
            return read_cases(connection, cursor, calibration, limit)

    def pace(self, calibration: str) -> tuple[int, datetime | None, datetime | None]:
        """Return the number of cases judged by a version, and the first and last of their times."""
        with self._engine.connect() as connection:
            return read_pace(connection, calibration)

    def sequence_of(self, case_id: str) -> int:
        """Return the sequence number of a case.

        Raises
        ------
        InputError
            If the log has no such case.
        """
        cases = schema.cases.c
        with self._engine.connect() as connection:
            found = connection.execute(
                select(cases.sequence).where(cases.case_id == case_id)
            ).scalar()
        if found is None:
            raise InputError("a case of the log", case_id, "name a case that was added")
        return int(found)

    def stream_rows(
        self, cursor: int = 0, calibration: str | None = None, limit: int | None = None
    ) -> pd.DataFrame:
        """Return the rows from which monitors make streams; arguments as in `cases_after`.

        Returns
        -------
        DataFrame
            One row per (case, structure): ``sequence, case_id, structure, predicted_dice,
            accept_score, reason, message`` and the logged ``feature_`` columns (NaN where there
            are none).
        """
        with self._engine.connect() as connection:
            return read_stream_rows(connection, cursor, calibration, limit)

    def monitor_state(self, name: str, calibration: str) -> SavedMonitor | None:
        """Return the saved state of the monitor `name` of a calibration; None before the first."""
        with self._engine.connect() as connection:
            return read_state(connection, name, calibration)

    def commit_monitor(
        self,
        name: str,
        calibration: str,
        saved: SavedMonitor,
        *,
        previous: SavedMonitor | None,
        events: Sequence[Event] = (),
        now: datetime,
        notify: bool = False,
    ) -> None:
        """Save state, cursor and events of a monitor in one transaction.

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
        now : datetime
            Time of the run.
        notify : bool
            Whether a webhook is to be told: `due_notices` then has the changes of state.

        Raises
        ------
        InputError
            If another run has gone on meanwhile; nothing is then saved.
        """
        with writing(self._engine) as connection:
            write_state(connection, name, calibration, saved, previous)
            write_events(connection, events, now, notify=notify)

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

    def due_notices(self, now: datetime) -> list[Notice]:
        """Return what a webhook is still to be told and may be tried at `now`, oldest first."""
        with self._engine.connect() as connection:
            return due_notices(connection, now)

    def record_delivery(self, notice: Notice, *, now: datetime) -> None:
        """Record that the receiver took a notice."""
        with writing(self._engine) as connection:
            record_delivery(connection, notice.key, now)

    def record_failure(self, notice: Notice, *, next_attempt: datetime) -> None:
        """Record that the receiver did not take a notice, and from when on to try again."""
        with writing(self._engine) as connection:
            record_failure(connection, notice.key, next_attempt)

    def counts(self, now: datetime, stale_after_days: int) -> LogCounts:
        """Return the numbers of cases, of unanswered audits, and of those of them that are overdue.

        Parameters
        ----------
        now : datetime
        stale_after_days : int
            Days after which an audit is overdue.
        """
        with self._engine.connect() as connection:
            return read_counts(connection, now, stale_after_days)

    def monitor_states(self, name: str) -> dict[str, SavedMonitor]:
        """Return the saved states of the monitor `name`, by calibration."""
        with self._engine.connect() as connection:
            return read_states(connection, name)

    def draw_audits(
        self, rates: float | RatesAt, secret_seed: int, *, now: datetime
    ) -> pd.DataFrame:
        """Draw cases to audit among all that no earlier draw has considered.

        Parameters
        ----------
        rates : float or callable
            Probability of each case, in (0, 1]; or a function of calibration and site that returns
            the `AuditRates` of accepted and referred cases. Recorded with each case, with its
            stratum (decision and site) and the epoch of that stratum's rate.
        secret_seed : int
            With the case id it decides; keep it from those who segment.
        now : datetime
            Time of the draw.

        Returns
        -------
        DataFrame
            The cases drawn now: ``sequence, case_id, patient_id, site, time, stratum, probability,
            drawn_at``. Repeats of a patient are never drawn.

        Raises
        ------
        InputError
            For a rate out of range, or a clock that went back.

        Notes
        -----
        Guarantee: each case is considered once, and drawn with the probability of its stratum
        over the choice of the secret seed. Those marked as common were drawn at the smaller of the
        rates of both decisions: a random sample of all cases.
        """
        rates_at = rates if callable(rates) else _everywhere(AuditRates(rates))
        with writing(self._engine) as connection:
            drawn = draw_cases(connection, rates_at, secret_seed, now)
            return pending_cases(connection, drawn)

    def pending_audits(self) -> pd.DataFrame:
        """Return the drawn cases that nobody has answered yet, as `draw_audits` does."""
        with self._engine.connect() as connection:
            return pending_cases(connection)

    def add_audit(
        self,
        case_id: str,
        dice: Mapping[str, float],
        reference_kind: str = "expert",
        *,
        now: datetime,
    ) -> None:
        """Record what a reference mask said about a case; the same answer twice changes nothing.

        Parameters
        ----------
        case_id : str
            A case of the log. If it was never drawn, its probability stays null and it takes no
            part in recalibration.
        dice : mapping of str to float
            Dice in [0, 1] of every structure of the case.
        reference_kind : str
            How the reference mask was made, for example "expert" or "edited".
        now : datetime
            Time of the answer.

        Raises
        ------
        InputError
            Naming the case: unknown, structures missing, Dice outside [0, 1], or an answer that
            differs from the one recorded.
        """
        with writing(self._engine) as connection:
            answer_audit(connection, case_id, dice, reference_kind, now)

    def draws_after(self, sequence: int, calibration: str) -> pd.DataFrame:
        """Return the cases drawn to be audited after a case, in their order.

        Parameters
        ----------
        sequence : int
            Only cases with a larger sequence number.
        calibration : str
            Only cases judged by it.

        Returns
        -------
        DataFrame
            ``sequence, case_id, site, case_time, stratum, epoch, common, time`` (of the draw), and
            of the verdict that decides ``accept, dice_low, dice_high, reason``.
        """
        with self._engine.connect() as connection:
            return draws_after(connection, sequence, calibration)

    def answers_after(self, number: int, calibration: str) -> pd.DataFrame:
        """Return the answers of drawn cases, in the order in which they came.

        Where a draw chose a case that somebody had answered unasked, the answers of that draw are
        held back until all of them are there, and come in the order of the cases.

        Parameters
        ----------
        number : int
            Only answers with a larger ``answer_number``.
        calibration : str
            Only cases judged by it.

        Returns
        -------
        DataFrame
            As `draws_after`, with ``answer_number, reference_kind, drawn_at, dice`` (of the worst
            structure); ``time`` is that from which the answer of a drawn case is known.
        """
        with self._engine.connect() as connection:
            return answers_after(connection, number, calibration)

    def audited(self, since_sequence: int | None = None) -> pd.DataFrame:
        """Return the feature table of randomly drawn, answered cases, with ``dice`` filled.

        Parameters
        ----------
        since_sequence : int, optional
            Only cases with a larger sequence number.

        Returns
        -------
        DataFrame
            A feature table, and ``sequence, calibration, probability, reference_kind``.
        """
        with self._engine.connect() as connection:
            return answered_audits(connection, since_sequence or 0)

    def unaudited(self, since_sequence: int | None = None) -> pd.DataFrame:
        """Return the feature table of the cases that no audit draw chose; ``dice`` is missing.

        Parameters
        ----------
        since_sequence : int, optional
            Only cases with a larger sequence number.
        """
        with self._engine.connect() as connection:
            return never_drawn(connection, since_sequence or 0)

    def record_event(self, kind: str, detail: Mapping[str, Any], *, now: datetime) -> None:
        """Record that something happened; `detail` holds JSON values."""
        with writing(self._engine) as connection:
            write_events(connection, [Event(kind, detail)], now)

    def events(self) -> pd.DataFrame:
        """Return all events: ``number, time, kind, detail``, in order."""
        with self._engine.connect() as connection:
            return read_events(connection)


def _everywhere(rates: AuditRates) -> RatesAt:
    return lambda calibration, site: rates
