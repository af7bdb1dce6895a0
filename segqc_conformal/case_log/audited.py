"""Reading audits back: what waits for an answer, what monitors have not seen, feature tables."""

from __future__ import annotations

import numpy as np
import pandas as pd
from sqlalchemy import ColumnElement, Connection, Select, and_, func, or_, select, true

from segqc_conformal.case_log import schema
from segqc_conformal.case_log.adding import among
from segqc_conformal.case_log.audit_rates import stratum_of
from segqc_conformal.case_log.deciding import deciding_verdict
from segqc_conformal.case_log.rows import expand_features, fetched

__all__ = [
    "answered_audits",
    "answers_after",
    "draws_after",
    "every_case",
    "never_drawn",
    "pending_cases",
    "rates_after",
]

CASES, AUDITS, DICE = schema.cases.c, schema.audits.c, schema.audit_dice.c


def pending_cases(connection: Connection, only: list[int] | None = None) -> pd.DataFrame:
    """Return the drawn cases without an answer, or the drawn cases `only`, one row each."""
    query = select(
        CASES.sequence,
        CASES.case_id,
        CASES.patient_id,
        CASES.site,
        CASES.time,
        AUDITS.stratum,
        AUDITS.probability,
        AUDITS.drawn_at,
    ).join(schema.audits, AUDITS.sequence == CASES.sequence)
    query = query.where(AUDITS.drawn_at.is_not(None))
    if only is None:
        rows = connection.execute(query.where(AUDITS.answered_at.is_(None))).fetchall()
    else:
        rows = list(among(connection, query, CASES.sequence, only))
    columns = [column.name for column in query.selected_columns]
    return pd.DataFrame(rows, columns=columns).sort_values("sequence", ignore_index=True)


def draws_after(connection: Connection, sequence: int, calibration: str) -> pd.DataFrame:
    """Return the drawn cases after `sequence`, one row each, in their order."""
    query = _of_monitors(AUDITS.drawn_at, calibration).where(
        CASES.sequence > sequence, AUDITS.drawn_at.is_not(None)
    )
    frame = fetched(connection, query.order_by(CASES.sequence))
    return _with_times(frame.rename(columns={"drawn_at": "time"}))


def answers_after(connection: Connection, number: int, calibration: str) -> pd.DataFrame:
    """Return the answers of drawn cases after that number, one row each, with the worst Dice."""
    worst = (
        select(func.min(DICE.dice))
        .where(DICE.sequence == CASES.sequence)
        .correlate(schema.cases)
        .scalar_subquery()
        .label("dice")
    )
    query = _of_monitors(AUDITS.answered_at, calibration)
    query = query.add_columns(AUDITS.answer_number, AUDITS.reference_kind, AUDITS.drawn_at, worst)
    # by the numbers of the cases: else a database may walk through all that the version judged
    later = select(AUDITS.sequence).where(AUDITS.answer_number > number)
    numbers = [row.sequence for row in connection.execute(later)]
    rows = list(among(connection, query, CASES.sequence, numbers))
    columns = [column.name for column in query.selected_columns]
    frame = pd.DataFrame(rows, columns=columns).sort_values("answer_number", ignore_index=True)
    # a case that was answered before it was drawn is known as an audit from the draw on
    frame["time"] = frame[["answered_at", "drawn_at"]].max(axis=1)
    frame["drawn_at"] = pd.to_datetime(frame["drawn_at"], utc=True)
    return _with_times(frame)


def _of_monitors(moment: ColumnElement[str], calibration: str) -> Select[tuple[object, ...]]:
    """Select what monitors need of an audited case: its stratum, and the verdict that decides."""
    verdicts = schema.verdicts.c
    query = select(
        CASES.sequence,
        CASES.case_id,
        CASES.site,
        CASES.time.label("case_time"),
        AUDITS.stratum,
        AUDITS.epoch,
        AUDITS.common,
        moment,
        verdicts.accept,
        verdicts.dice_low,
        verdicts.dice_high,
        verdicts.reason,
    ).join(schema.audits, AUDITS.sequence == CASES.sequence)
    query = query.join(schema.verdicts, verdicts.sequence == CASES.sequence)
    return query.where(CASES.calibration == calibration, deciding_verdict())


def _with_times(frame: pd.DataFrame) -> pd.DataFrame:
    moments = {name: pd.to_datetime(frame[name], utc=True) for name in ("time", "case_time")}
    return frame.assign(**moments)


def answered_audits(connection: Connection, since_sequence: int) -> pd.DataFrame:
    """Return the feature table of the drawn and answered cases after `since_sequence`."""
    both = and_(AUDITS.drawn_at.is_not(None), AUDITS.answered_at.is_not(None))
    return _feature_table(connection, since_sequence, both)


def never_drawn(connection: Connection, since_sequence: int) -> pd.DataFrame:
    """Return the feature table, without ``dice``, of the cases after it that no draw chose."""
    # somebody may have answered such a case unasked
    undrawn = or_(AUDITS.sequence.is_(None), AUDITS.drawn_at.is_(None))
    return _feature_table(connection, since_sequence, undrawn).assign(dice=np.nan)


def every_case(connection: Connection, since_sequence: int) -> pd.DataFrame:
    """Return the feature table of all cases after it, with ``dice`` where an audit said it."""
    return _feature_table(connection, since_sequence, true())


def rates_after(connection: Connection, sequence: int) -> dict[str, float]:
    """Return the smallest rate of each stratum among the cases after it that draws considered."""
    verdicts, draws = schema.verdicts.c, schema.audit_draws.c
    rates = {
        row.first_sequence: row.rates
        for row in connection.execute(
            select(draws.first_sequence, draws.rates).where(draws.last_sequence > sequence)
        )
    }
    query = select(draws.first_sequence, CASES.site, verdicts.accept).distinct()
    query = query.select_from(schema.audit_draws)
    query = query.join(
        schema.cases, CASES.sequence.between(draws.first_sequence, draws.last_sequence)
    )
    query = query.outerjoin(
        schema.verdicts, and_(verdicts.sequence == CASES.sequence, deciding_verdict())
    )
    query = query.where(CASES.sequence > sequence, CASES.repeat.is_(False))
    found: dict[str, float] = {}
    for row in connection.execute(query):
        stratum = stratum_of(bool(row.accept), row.site)
        entry = rates[row.first_sequence][stratum]
        rate = entry.get("least", entry["rate"])
        found[stratum] = min(rate, found.get(stratum, rate))
    return found


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
        DICE.dice,
        AUDITS.probability,
        AUDITS.share,
        AUDITS.reference_kind,
        told.features,
    ).select_from(schema.features)
    query = (
        query.join(schema.cases, CASES.sequence == told.sequence)
        .outerjoin(schema.audits, AUDITS.sequence == told.sequence)
        .outerjoin(
            schema.audit_dice,
            and_(told.sequence == DICE.sequence, told.structure == DICE.structure),
        )
        .where(CASES.sequence > since_sequence, wanted)
    )
    frame = fetched(connection, query.order_by(CASES.sequence, told.structure))
    return expand_features(frame)
