from datetime import UTC, datetime, timedelta

import numpy as np

from segqc_conformal.monitors.closing import Closing

NOW = datetime(2026, 11, 23, 8, tzinfo=UTC)


def audited(closing: Closing, promise: str, loss: float, sequence: int) -> None:
    closing.drawn(promise, sequence, None)
    closing.answered(promise, loss, f"c{sequence}", sequence, None)


def test_closes_only_where_every_promise_is_shown_to_hold() -> None:
    closing = Closing({"accepted error": 0.15, "miscoverage": 0.2}, 0.05, since_sequence=100)
    for number in range(60):
        audited(closing, "accepted error", 0.0, 101 + number)
    assert closing.upper("accepted error") < 0.15
    assert not closing.closed
    for number in range(60):
        audited(closing, "miscoverage", 0.0, 101 + number)
    assert closing.closed
    assert closing.words[0].startswith("accepted error since the alarm at most 0.0")


def test_answers_that_are_waited_for_count_as_bad() -> None:
    closing = Closing({"accepted error": 0.15}, 0.05, since_sequence=100)
    for number in range(80):
        audited(closing, "accepted error", 0.0, 101 + number)
    assert closing.closed
    for number in range(80, 110):
        closing.drawn("accepted error", 101 + number, None)
    assert not closing.closed
    assert closing.waiting("accepted error") == 30
    for number in range(80, 110):
        closing.answered("accepted error", 0.0, "c", 101 + number, None)
    assert closing.closed


def test_cases_up_to_the_alarm_and_older_ones_do_not_count_and_nothing_to_show_never_closes() -> (
    None
):
    closing = Closing({"accepted error": 0.15}, 0.05, since_sequence=100, since=NOW)
    for number in range(500):
        audited(closing, "accepted error", 0.0, 1 + number % 100)
        for time in (NOW - timedelta(seconds=1), None):
            closing.drawn("accepted error", 200 + number, time)
            closing.answered("accepted error", 0.0, "c", 200 + number, time)
    assert (closing.audits("accepted error"), closing.closed) == (0, False)
    closing.drawn("accepted error", 200, NOW)
    assert closing.waiting("accepted error") == 1
    assert not Closing({}, 0.05, 0).closed


def test_state_goes_round() -> None:
    closing = Closing({"a": 0.15, "b": 0.2}, 0.05, since_sequence=7, since=NOW)
    closing.drawn("a", 8, NOW)
    closing.answered("a", 1.0, "c", 8, NOW)
    closing.drawn("b", 9, NOW)
    again = Closing.from_state(closing.state())
    assert again.state() == closing.state()
    assert again.words == closing.words


def wrong_closings(runs: int, rng: np.random.Generator, pooled: bool) -> int:
    """Count closings although the risk since the alarm is 0.16, where 0.15 closes."""
    found = 0
    for _ in range(runs):
        closing = Closing({"a": 0.15}, 0.05, since_sequence=0 if pooled else 300)
        for sequence in range(1, 300, 3):
            audited(closing, "a", float(rng.random() < 0.02), sequence)
        for sequence in range(301, 301 + 400):
            audited(closing, "a", float(rng.random() < 0.16), sequence)
            if closing.closed:
                found += 1
                break
    return found


def test_wrong_closings_stay_below_d_and_pooling_earlier_audits_does_not() -> None:
    rng = np.random.default_rng(3)
    # Binomial(100, .05): 1 % of draws lie above 10
    assert wrong_closings(100, rng, pooled=False) <= 10
    assert wrong_closings(20, rng, pooled=True) == 20
