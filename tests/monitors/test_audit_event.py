from datetime import UTC, datetime, timedelta

import pandas as pd

from segqc_conformal.monitors.audit_event import audit_events

NOW = datetime(2026, 11, 23, 8, tzinfo=UTC)
CASE = {
    "sequence": 1,
    "case_id": "c1",
    "site": "A",
    "stratum": "accepted/A",
    "case_time": pd.Timestamp(NOW),
    "common": True,
    "accept": True,
    "dice_low": 0.7,
    "dice_high": 0.9,
    "reason": "certified",
}


def at(hours: int) -> pd.Timestamp:
    return pd.Timestamp(NOW + timedelta(hours=hours))


def test_draws_and_answers_come_in_the_order_of_time_a_draw_first() -> None:
    draws = pd.DataFrame([{**CASE, "time": at(0)}, {**CASE, "sequence": 2, "time": at(2)}])
    answer = {**CASE, "time": at(2), "drawn_at": at(0), "reference_kind": "expert"}
    answers = pd.DataFrame(
        [
            {**answer, "answer_number": 1, "dice": 0.9},
            {**answer, "answer_number": 2, "sequence": 2, "drawn_at": at(2), "dice": 0.6},
        ]
    )
    events = audit_events(draws, answers, NOW + timedelta(hours=5), 2)
    assert [(event.sequence, event.answer) for event in events] == [
        (1, None),
        (2, None),
        (1, 1),
        (2, 2),
    ]
    assert [event.covered for event in events[2:]] == [True, False]
    assert events[2].drawn == NOW


def test_later_events_are_left_and_intervals_without_a_promise_are_marked() -> None:
    draws = pd.DataFrame(
        [
            {**CASE, "reason": "empty_prediction", "time": at(0)},
            {**CASE, "sequence": 2, "time": at(3)},
        ]
    )
    (only,) = audit_events(draws, pd.DataFrame(), NOW + timedelta(hours=2), 2)
    assert (only.sequence, only.promised, only.accepted) == (1, False, True)


def test_what_is_told_of_cases_that_monitors_have_not_seen_is_left() -> None:
    draws = pd.DataFrame([{**CASE, "time": at(0)}, {**CASE, "sequence": 2, "time": at(0)}])
    answer = {**CASE, "time": at(1), "drawn_at": at(0), "reference_kind": "expert", "dice": 0.9}
    answers = pd.DataFrame(
        [{**answer, "answer_number": 1, "sequence": 2}, {**answer, "answer_number": 2}]
    )
    events = audit_events(draws, answers, NOW + timedelta(hours=5), last_case=1)
    assert [(event.sequence, event.answer) for event in events] == [(1, None)]
