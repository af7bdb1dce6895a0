from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from math import nan, sqrt
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from segqc_conformal.errors import InputError
from segqc_conformal.monitors import InverseProbabilityWatch
from segqc_conformal.monitors.label_budget import alarm_times
from segqc_conformal.monitors.loss_bets import MULTIPLES, weighted_stakes

NOW = datetime(2026, 11, 23, 8, tzinfo=UTC)
BOUND, D, CASES, RUNS, ALL = 0.10, 0.05, 2000, 300, "all cases"
SLACK = 2 * sqrt(D * (1 - D) / RUNS)
STAKES = weighted_stakes(BOUND, 0.05)


def cases(
    multiple: float = 1.0,
) -> tuple[NDArray[np.bool_], NDArray[np.float64], NDArray[np.bool_]]:
    """Return misses, probabilities and audits of cases that miss in 10 % of all, times `multiple`.

    Two in five are referred: they miss more often, and are audited twenty times as often.
    """
    rng = np.random.default_rng(1)
    referred = rng.random((CASES, RUNS)) < 0.4
    missed = rng.random((CASES, RUNS)) < multiple * np.where(referred, 0.16, 0.06)
    probability = np.where(referred, 1.0, 0.05)
    return missed, probability, rng.random((CASES, RUNS)) < probability


def test_false_alarms_stay_within_the_bound_and_harm_is_seen() -> None:
    missed, probability, audited = cases()
    times, _ = alarm_times(missed * audited / probability, BOUND, STAKES, CASES / D)
    assert np.mean(times > 0) <= D + SLACK
    missed, probability, audited = cases(multiple=3)
    times, _ = alarm_times(missed * audited / probability, BOUND, STAKES, CASES / D)
    assert times.all()
    assert np.median(times) < 250


def test_twin_with_stakes_that_look_at_the_probability_breaks_the_bound() -> None:
    missed, probability, audited = cases()
    r, alarm = np.zeros((len(MULTIPLES), RUNS)), np.zeros(RUNS, dtype=bool)
    for miss, p, drawn in zip(missed, probability, audited, strict=True):
        stake = p * (np.array(MULTIPLES)[:, None] - 1) / (1 - p * BOUND)
        r = np.minimum((1 + r) * (1 + stake * (miss * drawn / p - BOUND)), 1e200)
        alarm |= r.mean(axis=0) >= CASES / D
    assert alarm.mean() > D + SLACK


def test_twin_in_the_order_of_the_answers_breaks_the_bound() -> None:
    # what was not audited is known at once, answers come when all cases are through
    missed, probability, audited = cases()
    weighted = missed * audited / probability
    late = np.take_along_axis(weighted, np.argsort(audited, axis=0, kind="stable"), axis=0)
    times, _ = alarm_times(late, BOUND, STAKES, CASES / D)
    assert np.mean(times > 0) > D + SLACK


def test_equals_the_statistic_over_all_cases() -> None:
    missed, probability, audited = cases(multiple=3)
    watch = InverseProbabilityWatch(BOUND, 0.05, all_reported=True, horizon=CASES)
    for number in range(400):
        loss = float(missed[number, 0]) if audited[number, 0] else None
        state = watch.update(f"c{number}", probability[number, 0], loss)
    times, _ = alarm_times(
        (missed * audited / probability)[:400], BOUND, STAKES, CASES / watch.false_alarm
    )
    assert (state.state, state.alarmed_at) == ("HARM", times[0])
    figures = state.strata[ALL]
    assert figures.risk == pytest.approx((missed * audited / probability)[:400, 0].mean())
    low, high = figures.interval
    assert 0 <= low < missed[:400, 0].mean() < high <= 1


def test_weights_without_all_cases_are_refused_by_name() -> None:
    for said in (False, 1, None):
        with pytest.raises(InputError, match=r"all_reported=True.*have no theorem"):
            InverseProbabilityWatch(BOUND, 0.05, all_reported=said)  # type: ignore[arg-type]


def test_overdue_and_edited_answers_are_never_ok() -> None:
    overdue, edited, fine = (
        InverseProbabilityWatch(BOUND, 0.1, all_reported=True) for _ in range(3)
    )
    for number in range(40):
        asked = number % 4 == 0
        zero = None if asked else 0.0
        overdue.update(f"c{number}", 0.2, zero, time=NOW, overdue=asked)
        edited.update(f"c{number}", 0.2, 0.0, NOW, reference_kind="edited" if asked else "expert")
        fine.update(f"c{number}", 0.2, 0.0, time=NOW)
    assert [watch.state().state for watch in (overdue, edited, fine)] == ["STALE", "STALE", "OK"]
    assert overdue.state().strata[ALL].overdue == edited.state().strata[ALL].edited == 10
    assert overdue.state().log_evidence == pytest.approx(fine.state().log_evidence)


def test_cases_that_were_not_audited_are_no_evidence() -> None:
    watch = InverseProbabilityWatch(BOUND, 0.1, all_reported=True)
    for number in range(50):
        state = watch.update(f"c{number}", 0.1, time=NOW)
    assert (state.state, state.audits) == ("STALE", 50)
    assert watch.update("c50", 0.1, False, time=NOW).state == "OK"
    assert watch.tick(NOW + timedelta(days=31)).state == "STALE"


def test_the_promise_counts_cases_not_audits() -> None:
    watch = InverseProbabilityWatch(BOUND, 0.1, all_reported=True, horizon=500)
    assert "in 500 cases, audited or not, as long as the mean loss" in watch.promise
    assert "audits" not in watch.promise


BAD_INPUT: list[tuple[str, Callable[[InverseProbabilityWatch], Any]]] = [
    (r"a probability in \[0.1, 1\]", lambda w: w.update("c9", 0.05)),
    (r"a probability in \[0.1, 1\]", lambda w: w.update("c9", nan)),
    (r"a loss in \[0, 1\]", lambda w: w.update("c9", 0.5, nan)),
    (r"a loss in \[0, 1\]", lambda w: w.update("c9", 0.5, 2.0)),
    ("no loss for an overdue audit", lambda w: w.update("c9", 0.5, 1.0, overdue=True)),
    ("a time not before", lambda w: w.update("c9", 0.5, time=NOW - timedelta(days=1))),
]


@pytest.mark.parametrize(("words", "action"), BAD_INPUT)
def test_bad_input_is_refused_by_name_and_changes_nothing(
    words: str, action: Callable[[InverseProbabilityWatch], Any]
) -> None:
    watch = InverseProbabilityWatch(BOUND, 0.1, all_reported=True)
    watch.update("c1", 0.5, 1.0, time=NOW)
    before = watch.to_json()
    with pytest.raises(InputError, match=f"case c9: expected {words}"):
        action(watch)
    watch.update("c1", 0.5, 1.0, repeat=True)
    assert watch.to_json() == before


def test_continues_bit_for_bit_after_a_round_trip() -> None:
    missed, probability, audited = cases()
    kept = read = InverseProbabilityWatch(BOUND, 0.05, all_reported=True)
    for number in range(50):
        read = InverseProbabilityWatch.from_json(read.to_json())
        loss = float(missed[number, 0]) if audited[number, 0] else None
        for watch in (kept, read):
            watch.update(f"c{number}", probability[number, 0], loss)
    assert read is not kept
    assert read.to_json() == kept.to_json()
