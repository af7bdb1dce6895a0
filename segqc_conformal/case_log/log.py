"""The case log: what was judged, audited and noticed, in SQLite or PostgreSQL."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime

import pandas as pd

from segqc_conformal.case_log.adding import AddResult, add_cases
from segqc_conformal.case_log.audit_record import AuditRecord
from segqc_conformal.case_log.engine import reading, writing
from segqc_conformal.case_log.id_check import find_case
from segqc_conformal.case_log.monitor_record import MonitorRecord
from segqc_conformal.case_log.monitoring import read_cases, read_pace, read_stream_rows
from segqc_conformal.case_log.rows import check_verdicts
from segqc_conformal.errors import InputError
from segqc_conformal.features.table import refuse_corrupted

__all__ = ["CaseLog"]


class CaseLog(AuditRecord, MonitorRecord):
    """Keep cases, verdicts, features, audits, certificates, monitor states, events; no statistics.

    Parameters
    ----------
    url : str
        SQLAlchemy URL: ``sqlite:///folder/log.db`` or ``postgresql+psycopg://user@host/name``.
    create : bool
        False: an SQLite file that does not exist is refused instead of made.
    ids : StoredIds, optional
        How ids of cases and patients are stored. What is read holds them as stored; methods that
        take the id of a case take it either way.

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
            If the table cannot be used, a case is a corrupted one, its id belongs to another
            patient, or the log stores ids in another form; nothing is then added.
        """
        rows = check_verdicts(verdicts)
        if features is not None and not {"case_id", "structure"} <= set(features.columns):
            raise InputError(
                "a feature table with case_id and structure",
                list(features.columns)[:12],
                "make it with extract_features",
            )
        if features is not None:
            refuse_corrupted(features)
        with writing(self._engine) as connection:
            return add_cases(connection, rows, features, gate_patients, self._ids)

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
        with reading(self._engine) as connection:
            return read_cases(connection, cursor, calibration, limit)

    def pace(self, calibration: str) -> tuple[int, datetime | None, datetime | None]:
        """Return the number of cases judged by a version, and the first and last of their times."""
        with reading(self._engine) as connection:
            return read_pace(connection, calibration)

    def sequence_of(self, case_id: str) -> int:
        """Return the sequence number of a case.

        Raises
        ------
        InputError
            If the log has no such case.
        """
        with reading(self._engine) as connection:
            return find_case(connection, self._ids, case_id)

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
        with reading(self._engine) as connection:
            return read_stream_rows(connection, cursor, calibration, limit)
