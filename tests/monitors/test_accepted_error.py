import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from math import log, nan, sqrt
from typing import Any

import numpy as np
import pandas as pd
import pytest

from segqc_conformal.errors import FileFormatError, InputError
from segqc_conformal.monitors import AcceptedErrorWatch, RiskSequence
from segqc_conformal.monitors.label_budget import alarm_times
from segqc_conformal.monitors.loss_bets import error_stakes

NOW = datetime(2026, 11, 23, 8, tzinfo=UTC)
A, B = "accepted/A", "accepted/B"


def day(number: int) -> datetime:
    return NOW + timedelta(days=number)


def fed(bad: list[bool], **settings: Any) -> AcceptedErrorWatch:
    watch = AcceptedErrorWatch(**settings)
    for number, each in enumerate(bad):
        watch.update(each, f"c{number}", A)
    return watch


def test_alarms_at_the_audit_at_which_the_statistic_passes_the_threshold() -> None:
    bad = np.random.default_rng(1).random(200) < 0.25
    times, _ = alarm_times(bad[:, None], 0.10, error_stakes(0.10), 1000 / 0.05)
    state = fed(bad.tolist()).state()
    assert (state.state, state.alarm, state.alarmed_at) == ("HARM", True, times[0])
    assert state.located == (A,)
    before = fed(bad[: times[0] - 1].tolist()).state()
    assert (before.state, before.alarm, before.reason) == ("OK", False, "")
    assert before.log_evidence is not None
    assert before.log_evidence < log(1 / 0.05)


def test_harm_stays_and_counts_go_on() -> None:
    state = fed([True] * 9 + [False] * 500).state()
    assert (state.state, state.alarmed_at, state.audits) == ("HARM", 9, 509)
    assert state.strata[A].risk == 9 / 509
    low, high = state.strata[A].interval
    assert low < 9 / 509 < high < 0.05


def summed_alarms(strata: int, per_stratum_threshold: float | None) -> float:
    """Return how often a horizon of audits spread over strata raises an alarm, risk = alpha."""
    runs, horizon, alpha = 400, 1000, 0.10
    rng, stakes = np.random.default_rng(2), np.array(error_stakes(alpha))[:, None]
    bad, where = rng.random((horizon, runs)) < alpha, rng.integers(strata, size=(horizon, runs))
    r = np.zeros((strata, stakes.size, runs))
    alarm, run = np.zeros(runs, dtype=bool), np.arange(runs)
    for number in range(horizon):
        place = where[number]
        r[place, :, run] = ((1 + r[place, :, run].T) * (1 + stakes * (bad[number] - alpha))).T
        own = r.mean(axis=1)
        if per_stratum_threshold is None:
            alarm |= own.sum(axis=0) >= horizon / 0.10
        else:
            alarm |= own.max(axis=0) >= per_stratum_threshold
    return float(alarm.mean())


def test_strata_share_one_bound_whatever_their_number() -> None:
    slack = 2 * sqrt(0.10 * 0.90 / 400)
    assert summed_alarms(10, None) <= 0.10 + slack
    # twin: each stratum spends all of d on its own tenth of the audits
    assert summed_alarms(10, 100 / 0.10) > 0.10 + slack


def test_several_strata_add_their_evidence_and_locate_themselves() -> None:
    watch = AcceptedErrorWatch()
    for number in range(400):
        watch.update(number % 10 == 0, f"a{number}", A)
        state = watch.update(number % 3 == 0, f"b{number}", B)
    assert state.located == (B,)
    assert [place.audits for place in state.strata.values()] == [400, 400]
    own = [place.log_evidence for place in state.strata.values() if place.log_evidence is not None]
    assert state.log_evidence == pytest.approx(np.logaddexp(*own))


def test_declared_strata_split_the_share_of_the_intervals() -> None:
    watch = AcceptedErrorWatch(strata=[A, B])
    state = watch.update(False, "c1", A)
    alone = RiskSequence(0.025)
    alone.update(False, "c1")
    assert state.strata[A].interval == alone.interval
    assert (state.state, state.reason) == ("STALE", f"no audit of {B} has been answered yet")
    assert watch.update(False, "c2", B).state == "OK"
    with pytest.raises(InputError, match="case c3: expected a stratum among"):
        watch.update(False, "c3", "accepted/C")


def test_a_new_epoch_counts_afresh_and_late_answers_still_bet() -> None:
    watch = fed([True, False, False])
    before = watch.state()
    watch.open_epoch(A, 1)
    late, new = watch.update(True, "late", A, epoch=0), watch.update(False, "new", A, epoch=1)
    assert before.log_evidence is not None
    assert late.log_evidence is not None
    assert late.log_evidence > before.log_evidence
    assert (late.strata[A].audits, late.strata[A].all_audits, late.strata[A].risk) == (0, 4, None)
    assert (new.strata[A].epoch, new.strata[A].audits, new.strata[A].all_audits) == (1, 1, 5)
    assert (new.strata[A].loss, new.strata[A].all_loss) == (0.0, 2.0)
    for epoch in (2, -1, nan):
        with pytest.raises(InputError, match="case c9: expected an epoch of accepted/A from 0"):
            watch.update(True, "c9", A, epoch=epoch)  # type: ignore[arg-type]
    with pytest.raises(InputError, match="epoch 2"):
        watch.open_epoch(A, 3)


def test_a_further_case_of_a_patient_never_bets() -> None:
    watch = fed([False, True])
    before = watch.to_json()
    assert watch.update(True, "c0", A, repeat=True).audits == 2
    assert watch.to_json() == before


def test_masks_edited_from_ours_are_flagged_and_bet_only_if_asked() -> None:
    watch, asked = AcceptedErrorWatch(), AcceptedErrorWatch(count_edited=True)
    for number in range(20):
        state = watch.update(True, f"c{number}", A, reference_kind="edited")
        counted = asked.update(True, f"c{number}", A, reference_kind="edited")
    assert (state.state, state.audits, state.strata[A].edited) == ("STALE", 0, 20)
    assert (counted.state, counted.alarmed_at) == ("HARM", 9)


def unanswered(watch: AcceptedErrorWatch, announced: bool) -> list[str]:
    """Feed a site whose bad cases, four in ten, never come back; return the states by day."""
    rng, states = np.random.default_rng(4), []
    for number in range(120):
        if announced:
            watch.drawn(f"c{number}", A, day(number))
        if number >= 3 and rng.random() < 0.6:
            drawn = day(number - 3) if announced else None
            watch.update(False, f"c{number}", A, time=day(number), drawn=drawn)
        states.append(watch.tick(day(number)).state)
    return states


def test_audits_without_an_answer_are_stale_and_ignoring_them_is_not_noticed() -> None:
    watch = AcceptedErrorWatch(stale_after_days=14)
    states = unanswered(watch, announced=True)
    assert states[0] == "STALE"
    assert states[20] == "OK"
    assert states[-1] == "STALE"
    state = watch.state()
    assert "HARM cannot be excluded" in state.reason
    assert state.log_evidence is not None
    assert state.log_evidence < 0  # the answers alone look better than promised
    # twin: draws are not announced, so that nothing is missing
    assert unanswered(AcceptedErrorWatch(stale_after_days=14), announced=False)[-1] == "OK"


def test_ticks_change_nothing_but_the_moment_at_which_stale_is_said() -> None:
    often, seldom = (AcceptedErrorWatch(stale_after_days=2) for _ in range(2))
    for number in range(30):
        for watch in (often, seldom):
            watch.drawn(f"c{number}", A, day(number))
            if number % 3 == 0:
                watch.update(number % 6 == 0, f"c{number}", A, time=day(number), drawn=day(number))
        often.tick(day(number) + timedelta(hours=9))
    assert often.tick(day(60)) == seldom.tick(day(60))
    assert often.to_json() == seldom.to_json()


def test_late_answers_clear_stale_once_none_is_missing() -> None:
    watch = fed([False] * 5)
    for number in range(12):
        watch.drawn(f"d{number}", A, day(min(number, 2)))
    state = watch.tick(day(40))
    assert (state.state, state.strata[A].pending, state.strata[A].overdue) == ("STALE", 12, 12)
    for number in range(12):
        state = watch.update(False, f"d{number}", A, time=day(41), drawn=day(min(number, 2)))
        assert state.state == ("STALE" if number < 11 else "OK")
    assert (state.audits, state.strata[A].pending, state.strata[A].overdue) == (17, 0, 0)
    # as if every answer had come in time
    assert state.log_evidence == pytest.approx(fed([False] * 17).state().log_evidence)


def test_when_answers_stop_the_state_is_stale() -> None:
    watch = AcceptedErrorWatch(stale_after_days=30)
    assert watch.state().reason == "no audit has been answered yet"
    watch.update(False, "c1", A, time=day(0))
    assert watch.tick(day(30)).state == "OK"
    assert watch.tick(day(31)).reason == "no audit was answered in the last 30 days"
    watch.update(False, "c2", B, time=day(31))
    assert watch.state().state == "OK"
    watch.drawn("c3", A, day(31))
    watch.update(False, "c4", B, time=day(61))
    assert watch.tick(day(61)).state == "OK"
    state = watch.tick(day(62))
    assert (
        state.reason
        == "1 audits of accepted/A are overdue and none was answered in the last 30 days"
    )


def test_an_answer_without_its_draw_is_refused() -> None:
    watch = AcceptedErrorWatch()
    watch.drawn("c1", A, day(0))
    for drawn, words in ((None, "the time at which"), (day(1), "waits for its answer")):
        with pytest.raises(InputError, match=f"case c1: expected .*{words}"):
            watch.update(True, "c1", A, time=day(2), drawn=drawn)
    watch.update(True, "c1", A, time=day(2), drawn=day(0))
    with pytest.raises(InputError, match="waits for its answer; received none drawn on 2026-11-23"):
        watch.update(True, "c1", A, time=day(2), drawn=day(0))
    watch.drawn("c2", A, day(3))
    watch.tick(day(50))
    with pytest.raises(InputError, match="waits for its answer"):
        watch.update(True, "c2", A, time=day(50), drawn=day(25))
    assert watch.update(True, "c2", A, time=day(50), drawn=day(3)).strata[A].pending == 0


def test_an_edited_answer_leaves_the_audit_waiting() -> None:
    watch = AcceptedErrorWatch()
    watch.drawn("c1", A, day(0))
    state = watch.update(False, "c1", A, time=day(1), drawn=day(0), reference_kind="edited")
    assert state.strata[A].pending == 1
    assert watch.tick(day(31)).strata[A].overdue == 1
    assert watch.update(False, "c1", A, time=day(32), drawn=day(0)).strata[A].pending == 0


BAD_INPUT: list[tuple[str, Callable[[AcceptedErrorWatch], Any]]] = [
    ("bad as True or False; received nan", lambda w: w.update(nan, "c9", A)),
    ("bad as True or False; received None", lambda w: w.update(None, "c9", A)),
    ("bad as True or False; received 1", lambda w: w.update(1, "c9", A)),
    ("a stratum among", lambda w: w.update(True, "c9", None)),
    ("a stratum among", lambda w: w.update(True, "c9", ["accepted/A"])),
    ("an epoch of accepted/B from 0 to 0", lambda w: w.update(True, "c9", B, epoch=1)),
    ("a time not before", lambda w: w.update(True, "c9", A, time=day(-1))),
    ("a datetime", lambda w: w.update(True, "c9", A, time="2026-11-24")),
    ("a datetime", lambda w: w.update(True, "c9", A, time=pd.NaT)),
    ("a time not before", lambda w: w.drawn("c9", A, day(-1))),
    ("a datetime", lambda w: w.drawn("c9", A, None)),
    ("a time not before", lambda w: w.tick(day(-1))),
]


@pytest.mark.parametrize(("words", "action"), BAD_INPUT)
def test_bad_input_is_refused_by_name_and_changes_nothing(
    words: str, action: Callable[[AcceptedErrorWatch], Any]
) -> None:
    watch = AcceptedErrorWatch()
    watch.update(False, "c0", A, time=day(0))
    before = watch.to_json()
    with pytest.raises(InputError, match=words):
        action(watch)
    assert watch.to_json() == before


def test_draws_belong_to_the_epoch_in_force() -> None:
    watch = fed([False])
    watch.open_epoch(A, 1)
    with pytest.raises(InputError, match="case c9: expected epoch 1 of accepted/A, in force"):
        watch.drawn("c9", A, day(0), epoch=0)


def test_pandas_values_are_read_as_python_ones() -> None:
    watch = AcceptedErrorWatch()
    time = pd.Timestamp("2026-11-23T08:00:00.123456789Z")
    watch.update(np.True_, "c1", A, epoch=np.int64(0), time=time)  # type: ignore[arg-type]
    assert AcceptedErrorWatch.from_json(watch.to_json()).to_json() == watch.to_json()


def test_continues_bit_for_bit_after_a_round_trip() -> None:
    rng = np.random.default_rng(5)
    kept = read = AcceptedErrorWatch(stale_after_days=3)
    for number in range(300):
        read = AcceptedErrorWatch.from_json(read.to_json())
        stratum, bad, answered = (A, B)[rng.integers(2)], rng.random() < 0.2, rng.random() < 0.7
        epoch, today = int(stratum == A and number >= 150), day(number // 3)
        for watch in (kept, read):
            if number == 150:
                watch.open_epoch(A, 1)
            watch.drawn(f"c{number}", stratum, today, epoch=epoch)
            if answered:
                watch.update(bad, f"c{number}", stratum, epoch=epoch, time=today, drawn=today)
    assert read is not kept
    assert read.to_json() == kept.to_json()
    assert read.state() == kept.state()


def test_state_does_not_grow() -> None:
    watch, sizes = AcceptedErrorWatch(stale_after_days=10), []
    for number in range(2000):
        watch.drawn(f"c{number}", A, day(number))
        if number % 2:
            watch.update(False, f"c{number}", A, time=day(number), drawn=day(number))
        sizes.append(len(watch.to_json()))
    assert max(sizes[1000:]) - max(sizes[100:200]) < 20
    assert max(sizes) < 1500


@pytest.mark.parametrize(
    "settings",
    [
        {"tolerated_error": 0.0},
        {"tolerated_error": 0.8},
        {"tolerated_error": nan},
        {"horizon": 0},
        {"horizon": 10.5},
        {"false_alarm": 1.0},
        {"stale_after_days": 0},
        {"strata": []},
        {"strata": "accepted/A"},
        {"strata": [A, A]},
    ],
)
def test_settings_out_of_range_are_refused(settings: dict[str, Any]) -> None:
    with pytest.raises(InputError):
        AcceptedErrorWatch(**settings)


def test_promise_says_what_holds() -> None:
    assert AcceptedErrorWatch().promise == (
        "At most a 5% chance of a false alarm in 1000 audits, as long as the mean loss is at most "
        "0.1."
    )


@pytest.mark.parametrize(
    "change",
    [{"schema": "x"}, {"settings": {}}, {"settings": {"horizon": 0}}, {"strata": [{}]}, None],
)
def test_foreign_states_are_refused(change: dict[str, Any] | None) -> None:
    state = json.loads(fed([True]).to_json())
    text = "" if change is None else json.dumps({**state, **change})
    with pytest.raises(FileFormatError, match="accepted-error-watch/1"):
        AcceptedErrorWatch.from_json(text)
