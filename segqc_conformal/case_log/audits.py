"""Audits: which cases are drawn, at random and with a known probability, and what came back."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any, NamedTuple

from sqlalchemy import Connection, and_, func, insert, select, update

from segqc_conformal.case_log import schema
from segqc_conformal.case_log.audit_rates import RatesAt, stratum_of
from segqc_conformal.case_log.deciding import deciding_verdict
from segqc_conformal.case_log.rows import time_text
from segqc_conformal.errors import InputError
from segqc_conformal.iso_times import in_utc
from segqc_conformal.patients import stable_hash
from segqc_conformal.whole_case import WHOLE_CASE, is_single

__all__ = ["answer_audit", "draw_cases"]

SKEW = timedelta(minutes=5)  # between the clocks of two machines
CASES, AUDITS, DRAWS = schema.cases.c, schema.audits.c, schema.audit_draws.c


class _Draw(NamedTuple):
    stratum: str
    epoch: int
    probability: float
    common: bool
    share: float


def draw_cases(
    connection: Connection, rates_at: RatesAt, secret_seed: int, now: datetime
) -> list[int]:
    """Decide for each case not yet considered whether it is audited; return those drawn."""
    now = _checked_clock(connection, now)
    before = connection.execute(
        select(DRAWS.last_sequence, DRAWS.rates).order_by(DRAWS.first_sequence.desc()).limit(1)
    ).one_or_none()
    done, rates = (before.last_sequence, _told(before.rates)) if before else (0, {})
    last = connection.execute(select(func.max(CASES.sequence))).scalar() or 0
    if last <= done:
        return []
    drawn = _drawn(connection, rates_at, secret_seed, done, rates)
    connection.execute(
        insert(schema.audit_draws).values(
            first_sequence=done + 1, last_sequence=last, drawn_at=time_text(now), rates=rates
        )
    )
    for sequence, draw in drawn.items():
        _record_draw(connection, sequence, draw, time_text(now))
    _release(connection, done + 1, last)
    return list(drawn)


def _drawn(
    connection: Connection,
    rates_at: RatesAt,
    secret_seed: int,
    done: int,
    rates: dict[str, dict[str, float]],
) -> dict[int, _Draw]:
    """Draw from the cases after `done`; `rates` is brought up to date."""
    verdicts = schema.verdicts.c
    query = select(CASES.sequence, CASES.case_id, CASES.site, CASES.calibration, verdicts.accept)
    query = query.select_from(schema.cases).outerjoin(
        schema.verdicts, and_(verdicts.sequence == CASES.sequence, deciding_verdict())
    )
    query = query.where(CASES.sequence > done, CASES.repeat.is_(False)).order_by(CASES.sequence)
    drawn = {}
    for case in connection.execute(query):
        here, decision = rates_at(case.calibration, case.site), bool(case.accept)
        stratum, rate = stratum_of(decision, case.site), here.of(decision)
        known = rates.get(stratum)
        if known is None or known["rate"] != rate:
            epoch = 0 if known is None else known["epoch"] + 1
            rates[stratum] = {**(known or {}), "rate": rate, "epoch": epoch}
        # two versions may be audited at different rates in one draw
        rates[stratum]["least"] = min(rate, rates[stratum].get("least", rate))
        share = stable_hash(secret_seed, f"audit:{case.case_id}") / 2**64
        if share < rate:
            epoch = int(rates[stratum]["epoch"])
            drawn[int(case.sequence)] = _Draw(stratum, epoch, rate, share < here.common, share)
    return drawn


def _told(rates: dict[str, dict[str, float]]) -> dict[str, dict[str, float]]:
    """Return the rates and epochs that a later draw goes on from."""
    return {
        stratum: {name: entry[name] for name in ("rate", "epoch")}
        for stratum, entry in rates.items()
    }


def _record_draw(connection: Connection, sequence: int, draw: _Draw, now: str) -> None:
    # A case that somebody had answered unasked keeps its Dice: leaving it out would bias the draw.
    here = AUDITS.sequence == sequence
    answered = connection.execute(select(AUDITS.answered_at).where(here)).scalar()
    values: dict[str, Any] = {**draw._asdict(), "drawn_at": now}
    if answered is None:
        connection.execute(insert(schema.audits).values(sequence=sequence, **values))
    else:
        connection.execute(update(schema.audits).where(here).values(**values))


def _release(connection: Connection, first: int, last: int, answered: int | None = None) -> None:
    """Give a number to the answers of a draw that monitors may read.

    Each at once. But bad masks are the ones that people report unasked, and those would come first:
    where there are any, all of the draw wait until the last is there, in the order of the cases.
    """
    within = and_(AUDITS.sequence.between(first, last), AUDITS.drawn_at.is_not(None))
    unnumbered = and_(within, AUDITS.answered_at.is_not(None), AUDITS.answer_number.is_(None))
    held = connection.execute(select(AUDITS.sequence).where(unnumbered).order_by(AUDITS.sequence))
    ready = [row.sequence for row in held]
    if set(ready) - {answered}:
        waiting = select(AUDITS.sequence).where(within, AUDITS.answered_at.is_(None)).limit(1)
        if connection.execute(waiting).scalar() is not None:
            return
    for number, sequence in enumerate(ready, _next_number(connection)):
        here = AUDITS.sequence == sequence
        connection.execute(update(schema.audits).where(here).values(answer_number=number))


def _next_number(connection: Connection) -> int:
    return (connection.execute(select(func.max(AUDITS.answer_number))).scalar() or 0) + 1


def answer_audit(
    connection: Connection,
    sequence: int,
    case_id: str,
    dice: Mapping[str, float],
    reference_kind: str,
    now: datetime,
) -> None:
    """Record the Dice of every structure of one case, which errors name as it was given."""
    reference_kind = reference_kind.strip().lower()
    numbers = _checked_dice(dice, _structures(connection, sequence), case_id)
    before = connection.execute(
        select(AUDITS.drawn_at, AUDITS.answered_at, AUDITS.reference_kind).where(
            AUDITS.sequence == sequence
        )
    ).one_or_none()
    if before is not None and before.answered_at is not None:
        _check_same(connection, sequence, (numbers, reference_kind), before, case_id)
        return
    now = _checked_clock(connection, now, case_id)
    answer: dict[str, Any] = {"reference_kind": reference_kind, "answered_at": time_text(now)}
    if before is None:
        connection.execute(insert(schema.audits).values(sequence=sequence, **answer))
    else:
        connection.execute(update(schema.audits).where(AUDITS.sequence == sequence).values(answer))
        draw = connection.execute(
            select(DRAWS.first_sequence, DRAWS.last_sequence).where(
                DRAWS.first_sequence <= sequence, DRAWS.last_sequence >= sequence
            )
        ).one()
        _release(connection, draw.first_sequence, draw.last_sequence, answered=sequence)
    connection.execute(
        insert(schema.audit_dice),
        [{"sequence": sequence, "structure": name, "dice": d} for name, d in numbers.items()],
    )


def _structures(connection: Connection, sequence: int) -> list[str]:
    verdicts = schema.verdicts.c
    query = select(verdicts.structure).where(verdicts.sequence == sequence)
    names = [row.structure for row in connection.execute(query.order_by(verdicts.structure))]
    return [name for name in names if is_single(name)] or [WHOLE_CASE]


def _checked_dice(
    dice: Mapping[str, float], structures: list[str], case_id: str
) -> dict[str, float]:
    numbers = {name: float(number) for name, number in dice.items()}
    right = sorted(numbers) == structures
    if not right or not all(0.0 <= number <= 1.0 for number in numbers.values()):
        raise InputError(
            f"a Dice in [0, 1] for each of the structures {structures}",
            dict(dice),
            "answer an audit for all structures at once",
            case_id,
        )
    return numbers


def _check_same(
    connection: Connection,
    sequence: int,
    answer: tuple[dict[str, float], str],
    before: Any,
    case_id: str,
) -> None:
    found = schema.audit_dice.c
    rows = connection.execute(
        select(found.structure, found.dice).where(found.sequence == sequence)
    ).fetchall()
    recorded = ({row.structure: row.dice for row in rows}, before.reference_kind)
    if answer != recorded:
        raise InputError(
            f"the answer recorded before, {recorded}",
            answer,
            "an audit is never changed; record an event that explains the correction",
            case_id,
        )


def _checked_clock(connection: Connection, now: datetime, case_id: str | None = None) -> datetime:
    """Refuse a clock that went back: monitors read draws and answers in the order of time.

    A little earlier is taken as the same time: another writer may have come first.
    """
    drawn, answered = select(func.max(DRAWS.drawn_at)), select(func.max(AUDITS.answered_at))
    last = max(connection.execute(query).scalar() or "" for query in (drawn, answered))
    if not last or time_text(now) >= last:
        return now
    before = datetime.fromisoformat(last)
    if in_utc(now) < before - SKEW:
        raise InputError(
            f"a time not before {last}, that of the last draw or answer",
            time_text(now),
            "correct the clock of this machine",
            case_id,
        )
    return before
