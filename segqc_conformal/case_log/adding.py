"""Adding judged cases: only inserts, each case once, one bet per patient."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass
from typing import Any

import pandas as pd
from sqlalchemy import Column, Connection, func, insert, select

from segqc_conformal.case_log import schema
from segqc_conformal.case_log.id_check import check_ids
from segqc_conformal.case_log.rows import (
    CASE_COLUMNS,
    ROW_COLUMNS,
    feature_rows,
    records,
    without_told_ids,
)
from segqc_conformal.case_log.stored_ids import StoredIds
from segqc_conformal.errors import InputError
from segqc_conformal.patients import first_case_of_each_patient, pseudonym

__all__ = ["AddResult", "add_cases", "among"]

CHUNK = 1000  # names in one query: every database takes as many


@dataclass(frozen=True)
class AddResult:
    """What became of the cases given to `CaseLog.add`.

    Parameters
    ----------
    added, already_present : tuple of str
        Case ids; together all that were given. What was present is left as it was.
    repeats : tuple of str
        Those of `added` whose patient has another case in the log, or fitted or calibrated the
        gate: logged, without a bet.

    Notes
    -----
    Guarantee: none.

    Examples
    --------
    >>> AddResult(("c1", "c2"), (), ("c2",)).repeats
    ('c2',)
    """

    added: tuple[str, ...]
    already_present: tuple[str, ...]
    repeats: tuple[str, ...]


def add_cases(
    connection: Connection,
    rows: pd.DataFrame,
    table: pd.DataFrame | None,
    gate_patients: Collection[str],
    ids: StoredIds,
) -> AddResult:
    """Insert the cases of checked verdict `rows` that the log does not know yet.

    Rows, table and result hold ids as given; only here they become those that are stored.

    Raises
    ------
    InputError
        If a case is present as another patient's, or ids are stored in another form.
    """
    check_ids(connection, ids, begins=True)
    one_each = rows.drop_duplicates("case_id")
    one_each = one_each.assign(
        stored_case=one_each["case_id"].map(ids.case),
        stored_patient=one_each["patient_id"].map(ids.patient),
    )
    present = _present(connection, one_each)
    new = one_each[~one_each["case_id"].isin(present)]
    known = _known_patients(connection, new["stored_patient"])
    first = set(first_case_of_each_patient(new))
    of_gate = new["patient_id"].map(pseudonym).isin(list(gate_patients))
    repeat = ~new["case_id"].isin(first) | new["stored_patient"].isin(known) | of_gate
    last = connection.execute(select(func.max(schema.cases.c.sequence))).scalar() or 0
    numbers = range(last + 1, last + 1 + len(new))
    sequence_of = dict(zip(new["case_id"], numbers, strict=True))
    stored = new.assign(case_id=new["stored_case"], patient_id=new["stored_patient"])
    _insert(
        connection,
        schema.cases,
        records(stored[list(CASE_COLUMNS)].assign(sequence=list(numbers), repeat=repeat)),
    )
    if ids.salt is not None:
        rows, table = without_told_ids(rows, table)
    judged = rows[rows["case_id"].isin(list(sequence_of))]
    _insert(
        connection,
        schema.verdicts,
        records(judged[list(ROW_COLUMNS)].assign(sequence=judged["case_id"].map(sequence_of))),
    )
    if table is not None:
        _insert(connection, schema.features, feature_rows(table, sequence_of))
    return AddResult(
        tuple(new["case_id"]), tuple(sorted(present)), tuple(new.loc[repeat, "case_id"])
    )


def _present(connection: Connection, one_each: pd.DataFrame) -> set[str]:
    columns = (one_each[name] for name in ("case_id", "patient_id", "stored_patient"))
    given = dict(zip(one_each["stored_case"], zip(*columns, strict=True), strict=True))
    query = select(schema.cases.c.case_id, schema.cases.c.patient_id)
    found: set[str] = set()
    for row in among(connection, query, schema.cases.c.case_id, list(given)):
        case_id, patient_id, stored_patient = given[row.case_id]
        if stored_patient != row.patient_id:
            raise InputError(
                f"patient {row.patient_id}, whose case the log has under this id",
                patient_id,
                "give every case an id of its own",
                case_id,
            )
        found.add(case_id)
    return found


def _known_patients(connection: Connection, patients: pd.Series[str]) -> set[str]:
    column = schema.cases.c.patient_id
    found = among(connection, select(column).distinct(), column, list(patients.unique()))
    return {row.patient_id for row in found}


def among(
    connection: Connection, query: Any, column: Column[Any], names: list[Any]
) -> Iterator[Any]:
    """Yield the rows of `query` whose `column` is one of `names`, however many these are."""
    for start in range(0, len(names), CHUNK):
        chunk = names[start : start + CHUNK]
        yield from connection.execute(query.where(column.in_(chunk))).fetchall()


def _insert(connection: Connection, table: Any, rows: list[dict[Any, Any]]) -> None:
    if rows:
        connection.execute(insert(table), rows)
