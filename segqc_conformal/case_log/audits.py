"""Audits: cases drawn at random with a known probability, and the Dice that came back."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

import pandas as pd
from sqlalchemy import ColumnElement, Connection, and_, func, insert, select, update

from segqc_conformal.case_log import schema
from segqc_conformal.case_log.adding import among
from segqc_conformal.case_log.rows import expand_features, fetched, time_text
from segqc_conformal.errors import InputError
from segqc_conformal.patients import stable_hash
from segqc_conformal.whole_case import WHOLE_CASE, is_single

__all__ = ["answer_audit", "answered_audits", "draw_cases", "never_drawn", "pending_cases"]

CASES, AUDITS, DRAWS = schema.cases.c, schema.audits.c, schema.audit_draws.c


def draw_cases(connection: Connection, rate: float, secret_seed: int, now: datetime) -> list[int]:
    """Decide for each case not yet considered whether it is audited; return those drawn."""
    if not 0.0 < rate <= 1.0:
        raise InputError("an audit rate in (0, 1]", rate, "for example 0.05 for one case in 20")
    done = connection.execute(select(func.max(DRAWS.last_sequence))).scalar() or 0
    last = connection.execute(select(func.max(CASES.sequence))).scalar() or 0
    if last <= done:
        return []
    connection.execute(
        insert(schema.audit_draws).values(
            first_sequence=done + 1, last_sequence=last, probability=rate, drawn_at=time_text(now)
        )
    )
    query = select(CASES.sequence, CASES.case_id).where(
        CASES.sequence > done, CASES.sequence <= last, CASES.repeat.is_(False)
    )
    drawn = [
        row.sequence
        for row in connection.execute(query.order_by(CASES.sequence))
        if stable_hash(secret_seed, f"audit:{row.case_id}") < rate * 2**64
    ]
    for sequence in drawn:
        _record_draw(connection, sequence, rate, time_text(now))
    return drawn


def _record_draw(connection: Connection, sequence: int, rate: float, now: str) -> None:
    # A case that somebody had answered unasked keeps its Dice: leaving it out would bias the draw.
    drawn = {"probability": rate, "drawn_at": now}
    changed = connection.execute(
        update(schema.audits).where(AUDITS.sequence == sequence).values(**drawn)
    )
    if not changed.rowcount:
        connection.execute(
            insert(schema.audits),
            [
                {"sequence": sequence, "structure": structure, **drawn}
                for structure in _structures(connection, sequence)
            ],
        )


def _structures(connection: Connection, sequence: int) -> list[str]:
    verdicts = schema.verdicts.c
    query = select(verdicts.structure).where(verdicts.sequence == sequence)
    names = [row.structure for row in connection.execute(query.order_by(verdicts.structure))]
    return [name for name in names if is_single(name)] or [WHOLE_CASE]


def answer_audit(
    connection: Connection,
    case_id: str,
    dice: Mapping[str, float],
    reference_kind: str,
    now: datetime,
) -> None:
    """Record the Dice of every structure of one case."""
    sequence = connection.execute(select(CASES.sequence).where(CASES.case_id == case_id)).scalar()
    if sequence is None:
        raise InputError("a case of the log", "an unknown case", "add its verdicts first", case_id)
    structures = _structures(connection, sequence)
    numbers = {name: float(number) for name, number in dice.items()}
    right = sorted(numbers) == structures
    if not right or not all(0.0 <= number <= 1.0 for number in numbers.values()):
        raise InputError(
            f"a Dice in [0, 1] for each of the structures {structures}",
            dict(dice),
            "answer an audit for all structures at once",
            case_id,
        )
    query = select(schema.audits).where(AUDITS.sequence == sequence)
    rows = connection.execute(query.order_by(AUDITS.structure)).fetchall()
    answer = {"reference_kind": reference_kind, "answered_at": time_text(now)}
    if not rows:
        connection.execute(
            insert(schema.audits),
            [
                {"sequence": sequence, "structure": name, "dice": number, **answer}
                for name, number in numbers.items()
            ],
        )
        return
    before = {row.structure: (row.dice, row.reference_kind) for row in rows}
    if before == {name: (number, reference_kind) for name, number in numbers.items()}:
        return
    if any(row.answered_at is not None for row in rows):
        raise InputError(
            f"the answer recorded before, {before}",
            (dict(dice), reference_kind),
            "an audit is never changed; record an event that explains the correction",
            case_id,
        )
    for name, number in numbers.items():
        here = and_(AUDITS.sequence == sequence, AUDITS.structure == name)
        connection.execute(update(schema.audits).where(here).values(dice=number, **answer))


def pending_cases(connection: Connection, only: list[int] | None = None) -> pd.DataFrame:
    """Return the drawn cases without an answer, or the drawn cases `only`, one row each."""
    query = (
        select(
            CASES.sequence,
            CASES.case_id,
            CASES.patient_id,
            CASES.site,
            CASES.time,
            AUDITS.probability,
            AUDITS.drawn_at,
        )
        .join(schema.audits, AUDITS.sequence == CASES.sequence)
        .distinct()
    )
    query = query.where(AUDITS.drawn_at.is_not(None))
    if only is None:
        rows = connection.execute(query.where(AUDITS.answered_at.is_(None))).fetchall()
    else:
        rows = list(among(connection, query, CASES.sequence, only))
    columns = [column.name for column in query.selected_columns]
    return pd.DataFrame(rows, columns=columns).sort_values("sequence", ignore_index=True)


def answered_audits(connection: Connection, since_sequence: int) -> pd.DataFrame:
    """Return the feature table of the drawn and answered cases after `since_sequence`."""
    answered = and_(AUDITS.answered_at.is_not(None), AUDITS.probability.is_not(None))
    return _feature_table(connection, since_sequence, answered)


def never_drawn(connection: Connection, since_sequence: int) -> pd.DataFrame:
    """Return the feature table, without ``dice``, of the cases after it that no draw chose."""
    return _feature_table(connection, since_sequence, AUDITS.sequence.is_(None))


def _feature_table(
    connection: Connection, since_sequence: int, wanted: ColumnElement[bool]
) -> pd.DataFrame:
    told = schema.features.c
    query = select(
        CASES.sequence,
        CASES.case_id,
        CASES.patient_id,
        told.structure,
        CASES.site,
        CASES.time,
        CASES.model_id,
        CASES.calibration,
        told.sampler_id,
        told.schema_version,
        told.judged,
        told.failed,
        AUDITS.dice,
        AUDITS.probability,
        AUDITS.reference_kind,
        told.features,
    ).select_from(schema.features)
    query = (
        query.join(schema.cases, CASES.sequence == told.sequence)
        .outerjoin(
            schema.audits,
            and_(told.sequence == AUDITS.sequence, told.structure == AUDITS.structure),
        )
        .where(CASES.sequence > since_sequence, wanted)
    )
    frame = fetched(connection, query.order_by(CASES.sequence, told.structure))
    return expand_features(frame)
