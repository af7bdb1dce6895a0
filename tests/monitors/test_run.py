import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from segqc_conformal.case_log import AuditRates, CaseLog
from segqc_conformal.errors import InputError
from segqc_conformal.monitors import (
    CoverageBound,
    MonitorSettings,
    Segment,
    WatchedGate,
    run,
    run_monitors,
    start_watch,
)
from segqc_conformal.monitors.version_monitor import VersionMonitor

GATE = "f00d"
NOW = datetime(2026, 11, 23, 8, tzinfo=UTC)
EVERYWHERE = Segment("all", None, 0.1, CoverageBound(0.1, 0.05, 0.05))


def profile() -> pd.DataFrame:
    rng = np.random.default_rng(0)
    return pd.DataFrame(
        {
            "role": ["fit"] * 100 + ["calibration"] * 200,
            "case": range(300),
            "structure": "liver",
            "site": ["A", "B"] * 150,
            "accept_score": rng.normal(size=300),
            "feature_x": rng.normal(size=300),
        }
    )


def watched_gate(*segments: Segment) -> WatchedGate:
    return WatchedGate(GATE, profile(), segments or (EVERYWHERE,))


def judged(
    first: int, scores: list[float], *, site: str = "A", calibration: str = GATE
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Return verdicts and features of cases of one structure."""
    names = [f"c{number}" for number in range(first, first + len(scores))]
    ids = pd.DataFrame(
        {
            "case_id": names,
            "patient_id": [f"p-{name}" for name in names],
            "structure": "liver",
            "site": site,
            "time": pd.Timestamp("2026-11-01", tz="UTC")
            + pd.to_timedelta(range(first, first + len(names)), unit="h"),
        }
    )
    verdicts = ids.assign(
        predicted_dice=0.9,
        dice_low=0.8,
        dice_high=1.0,
        accept=True,
        accept_score=scores,
        reason="certified",
        message="",
        model_id="m",
        calibration=calibration,
    )
    features = ids.assign(feature_x=np.random.default_rng(first).normal(size=len(names)))
    return verdicts, features


def quiet(count: int) -> list[float]:
    scores: list[float] = np.random.default_rng(9).normal(size=count).tolist()
    return scores


def test_quiet_cases_are_ok_and_a_second_run_changes_nothing(log_url: str) -> None:
    with CaseLog(log_url) as log:
        nothing = run_monitors(log, watched_gate(), NOW)
        assert (nothing.status, nothing.exit_code) == ("not_enough_evidence", 11)
        assert log.monitor_state(run.MONITOR, GATE) is None
        log.add(*judged(0, quiet(100)))
        log.add(*judged(100, [5.0] * 50, calibration="another"))
        first = run_monitors(log, watched_gate(), NOW)
        assert (first.status, first.exit_code, first.new_cases) == ("ok", 0, 100)
        assert first.standings[0].state == "OK"
        saved = log.monitor_state(run.MONITOR, GATE)
        second = run_monitors(log, watched_gate(), NOW)
        assert (second.status, second.new_cases, second.segments[0].cases) == ("ok", 0, 100)
        assert second.segments == first.segments
        assert log.monitor_state(run.MONITOR, GATE) == saved
        assert log.events().empty


def test_a_change_raises_one_alarm_that_stays(log_url: str) -> None:
    with CaseLog(log_url) as log:
        log.add(*judged(0, quiet(100)))
        log.add(*judged(100, [score - 2.0 for score in quiet(100)]))
        found = run_monitors(log, watched_gate(), NOW)
        assert (found.status, found.exit_code) == ("alarm", 10)
        segment = found.segments[0]
        assert segment.standing.state == "WATCH"
        assert segment.located == ("accept_score",)
        assert 100 < (segment.alarmed_at or 0) < 140
        assert 90 <= int((segment.change_point or "c0")[1:]) <= 110
        again = run_monitors(log, watched_gate(), NOW)
        assert (again.exit_code, again.segments) == (10, found.segments)
        events = log.events()
    assert events["kind"].tolist() == ["state_changed"]
    detail = events["detail"].iloc[0]
    assert (detail["before"], detail["after"], detail["segment"]) == ("OK", "WATCH", "all")
    assert segment.change_point in detail["reasons"][0]


def test_runs_in_parts_save_the_state_of_one_run_bit_for_bit(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    verdicts, features = judged(0, quiet(100))
    states = []
    for part, batch in ((100, 2000), (37, 11)):
        monkeypatch.setattr(run, "BATCH", batch)
        with CaseLog(f"sqlite:///{tmp_path}/{part}.db") as log:
            for first in range(0, 100, part):
                log.add(verdicts[first : first + part], features)
                run_monitors(log, watched_gate(), NOW)
            states.append(log.monitor_state(run.MONITOR, GATE))
    assert states[0] == states[1]


def test_a_patient_bets_once(log_url: str) -> None:
    verdicts, features = judged(0, quiet(40))
    verdicts["patient_id"] = [f"p{number // 2}" for number in range(40)]
    with CaseLog(log_url) as log:
        log.add(verdicts, features)
        found = run_monitors(log, watched_gate(), NOW)
    assert (found.new_cases, found.repeats, found.segments[0].cases) == (40, 20, 20)


def test_cases_that_cannot_be_used_are_listed_and_never_ok(log_url: str) -> None:
    verdicts, features = judged(0, quiet(6))
    verdicts["accept_score"] = verdicts["accept_score"].where(verdicts.index != 1)
    verdicts.loc[2, ["reason", "message", "accept"]] = ["input_error", "truncated file", False]
    verdicts.loc[4, "accept_score"] = -np.inf
    features = features[features["case_id"] != "c3"]
    elsewhere, _ = judged(0, quiet(1), site="C")
    elsewhere[["case_id", "patient_id"]] = ["c9", "p9"]
    late, late_features = judged(0, quiet(1))
    late[["case_id", "patient_id"]] = late_features[["case_id", "patient_id"]] = ["c8", "p8"]
    with CaseLog(log_url) as log:
        log.add(verdicts, features)
        log.add(elsewhere, judged(0, quiet(1))[1].assign(case_id="c9"))
        log.add(late, late_features)
        found = run_monitors(log, watched_gate(), NOW)
        assert (found.status, found.exit_code) == ("not_enough_evidence", 11)
        reasons = dict(found.skipped)
        assert list(reasons) == ["c1", "c2", "c3", "c9", "c8"]
        assert reasons["c1"] == "no accept score"
        assert reasons["c2"] == "input_error: truncated file"
        assert reasons["c3"] == "no feature_x in the log"
        assert "a site among ['A', 'B']" in reasons["c9"]
        assert "a time not before" in reasons["c8"]
        assert found.segments[0].cases == 3
        assert log.events()["detail"].iloc[0]["cases"] == reasons


def test_features_that_were_never_logged_are_said_to_be_missing(tmp_path: Path) -> None:
    with CaseLog(f"sqlite:///{tmp_path}/log.db") as log:
        log.add(judged(0, quiet(3))[0])
        found = run_monitors(log, watched_gate(), NOW)
    assert found.segments[0].cases == 0
    assert {reason for _, reason in found.skipped} == {"no feature_x in the log"}


def test_other_settings_than_those_of_the_first_run_are_refused(tmp_path: Path) -> None:
    declared = MonitorSettings(horizon=500)
    with CaseLog(f"sqlite:///{tmp_path}/log.db") as log:
        log.add(*judged(0, quiet(3)))
        run_monitors(log, watched_gate(), NOW, declared)
        run_monitors(log, watched_gate(), NOW)
        run_monitors(log, watched_gate(), NOW, declared)
        with pytest.raises(InputError, match="keep the settings"):
            run_monitors(log, watched_gate(), NOW, MonitorSettings(horizon=10**6))


def answered(log: CaseLog, first: int, dice: list[float], now: datetime) -> None:
    """Draw every new case to be audited and answer it."""
    log.draw_audits(1.0, secret_seed=0, now=now)
    for number, each in enumerate(dice, first):
        log.add_audit(f"c{number}", {"liver": each}, now=now)


def test_bad_masks_among_the_accepted_are_harm_and_a_recalibration_is_requested(
    log_url: str,
) -> None:
    with CaseLog(log_url) as log:
        log.add(*judged(0, quiet(100)))
        answered(log, 0, [0.9, 0.9, 0.75, 0.85] * 25, NOW)
        found = run_monitors(log, watched_gate(), NOW)
        assert (found.status, found.new_audits) == ("alarm", 100)
        standing = found.standings[0]
        assert (standing.state, standing.refer) == ("HARM", True)
        assert "accepted error above 0.1, seen at audit" in standing.reasons[0]
        events = log.events()
        assert events["kind"].tolist() == ["state_changed", "recalibration_requested"]
        audited = events["detail"].iloc[0]["evidence"]["accepted error"]
        # 2.5 times the tolerated error: the audit at which it was seen is in the evidence
        assert audited["alarmed_at"] == audited["audits"] < 100
        log.add(*judged(100, quiet(10)))
        assert run_monitors(log, watched_gate(), NOW).standings[0].state == "HARM"
        assert len(log.events()) == 2


def test_missed_intervals_are_harm_and_only_common_audits_of_promised_intervals_count(
    log_url: str,
) -> None:
    verdicts, features = judged(0, quiet(120))
    verdicts.loc[verdicts.index >= 60, ["accept", "reason"]] = [False, "below_threshold"]
    verdicts.loc[verdicts.index >= 110, "reason"] = "empty_prediction"
    only_coverage = Segment("all", None, None, CoverageBound(0.1, 0.0, 0.05))
    with CaseLog(log_url) as log:
        log.add(verdicts, features)
        log.draw_audits(lambda *_: AuditRates(0.2, 1.0), secret_seed=3, now=NOW)
        pending = log.pending_audits()
        for case in pending.itertuples():
            log.add_audit(case.case_id, {"liver": 0.5}, now=NOW)
        found = run_monitors(log, watched_gate(only_coverage), NOW)
        answers = log.answers_after(0, GATE)
    segment = found.segments[0].evidence["miscoverage"]
    counted = answers["common"].astype(bool) & (answers["reason"] != "empty_prediction")
    assert segment["audits"] == counted.sum() < len(pending) / 2
    assert found.standings[0].state == "HARM"


def test_a_watch_is_closed_as_benign_and_a_new_one_starts(log_url: str) -> None:
    moved = [score - 3.0 for score in quiet(400)]
    with CaseLog(log_url) as log:
        log.add(*judged(0, moved[:100]))
        first = run_monitors(log, watched_gate(), NOW)
        assert first.standings[0].state == "WATCH"
        answered(log, 0, [0.9] * 20, NOW)
        still = run_monitors(log, watched_gate(), NOW)
        assert still.standings[0].state == "WATCH"
        # audits of cases up to the alarm say nothing about the time after it
        since = still.segments[0].evidence["since_alarm"]["accepted error"]
        assert 0 < since["audits"] < 20
        for number in range(20, 100):
            log.add_audit(f"c{number}", {"liver": 0.9}, now=NOW)
        closed = run_monitors(log, watched_gate(), NOW)
        assert (closed.status, closed.standings[0].state) == ("ok", "BENIGN")
        assert (closed.segments[0].watch_epoch, closed.segments[0].cases) == (2, 0)
        log.add(*judged(100, moved[100:300]))
        calm = run_monitors(log, watched_gate(), NOW)
        assert (calm.standings[0].state, calm.segments[0].cases) == ("BENIGN", 200)
        log.add(*judged(300, [score + 4.0 for score in moved[300:400]]))
        again = run_monitors(log, watched_gate(), NOW)
        assert again.standings[0].state == "WATCH"
        changes = [one["after"] for one in log.events()["detail"]]
    assert changes == ["WATCH", "BENIGN", "WATCH"]


def test_unanswered_audits_are_stale_after_the_days_declared(log_url: str) -> None:
    settings = MonitorSettings(stale_after_days=14)
    with CaseLog(log_url) as log:
        log.add(*judged(0, quiet(50)))
        log.draw_audits(1.0, secret_seed=0, now=NOW)
        assert run_monitors(log, watched_gate(), NOW, settings).status == "ok"
        later = run_monitors(log, watched_gate(), NOW + timedelta(days=13))
        assert later.standings[0].state == "OK"
        late = run_monitors(log, watched_gate(), NOW + timedelta(days=15))
        assert (late.exit_code, late.standings[0].state) == (11, "STALE")
        assert "no audit of all has been answered yet" in late.standings[0].reasons[0]
        for number in range(50):
            log.add_audit(f"c{number}", {"liver": 0.9}, now=NOW + timedelta(days=16))
        answered_all = run_monitors(log, watched_gate(), NOW + timedelta(days=16))
        assert answered_all.standings[0].state == "OK"
        with pytest.raises(InputError, match="a time not before"):
            run_monitors(log, watched_gate(), NOW)


def test_a_column_that_stands_still_is_never_ok(log_url: str) -> None:
    verdicts, features = judged(0, quiet(60))
    features.loc[30:, "feature_x"] = 0.1
    with CaseLog(log_url) as log:
        log.add(verdicts, features)
        found = run_monitors(log, watched_gate(), NOW)
    assert (found.exit_code, found.standings[0].state) == (11, "STALE")
    assert found.standings[0].reasons == ("feature_x has stood still",)


def test_draws_and_answers_from_before_the_last_run_count_all_the_same(log_url: str) -> None:
    ahead = NOW + timedelta(minutes=2)
    with CaseLog(log_url) as log:
        log.add(*judged(0, quiet(100)))
        run_monitors(log, watched_gate(), ahead)
        answered(log, 0, [0.5] * 100, NOW)
        found = run_monitors(log, watched_gate(), ahead)
    assert (found.skipped, found.new_audits) == ((), 100)
    assert found.standings[0].state == "HARM"


def test_cases_that_could_not_be_watched_stay_in_mind(log_url: str) -> None:
    with CaseLog(log_url) as log:
        log.add(*judged(0, quiet(30)))
        log.add(*judged(30, quiet(20), site="C"))
        assert run_monitors(log, watched_gate(), NOW).status == "not_enough_evidence"
        again = run_monitors(log, watched_gate(), NOW)
        assert (again.skipped, again.exit_code) == ((), 11)
        (reason,) = again.standings[0].reasons
        assert reason == "the last 20 cases of site C could not be watched"
        # audits of them were asked for and never answered
        log.draw_audits(1.0, secret_seed=0, now=NOW)
        late = run_monitors(log, watched_gate(), NOW + timedelta(days=40))
        assert late.standings[0].state == "STALE"
        assert "accepted error: no audit of all has been answered yet" in late.standings[0].reasons


def test_cases_from_before_the_change_that_are_logged_later_close_no_watch(log_url: str) -> None:
    with CaseLog(log_url) as log:
        log.add(*judged(500, [score - 3.0 for score in quiet(60)]))
        assert run_monitors(log, watched_gate(), NOW).standings[0].state == "WATCH"
        log.draw_audits(1.0, secret_seed=0, now=NOW)
        log.add(*judged(0, quiet(200)))
        answered(log, 0, [0.9] * 200, NOW)
        found = run_monitors(log, watched_gate(), NOW)
    assert found.new_audits == 200
    assert found.standings[0].state == "WATCH"


def test_audits_that_nobody_answers_keep_a_watch_open(log_url: str) -> None:
    with CaseLog(log_url) as log:
        log.add(*judged(0, [score - 3.0 for score in quiet(200)]))
        run_monitors(log, watched_gate(), NOW)
        answered(log, 0, [0.9] * 110, NOW)
        held = run_monitors(log, watched_gate(), NOW)
        assert held.standings[0].state == "WATCH"
        assert held.segments[0].evidence["since_alarm"]["accepted error"]["upper"] > 0.3
        late = run_monitors(log, watched_gate(), NOW + timedelta(days=40))
        assert (late.status, late.standings[0].state) == ("alarm", "WATCH")


def test_segments_are_watched_apart_each_with_its_share(log_url: str) -> None:
    segments = [Segment(site, (site,), 0.1, None, "not asked") for site in ("A", "B")]
    with CaseLog(log_url) as log:
        log.add(*judged(0, quiet(100)))
        log.add(*judged(100, [score - 3.0 for score in quiet(60)], site="B"))
        answered(log, 0, [0.9] * 100, NOW)
        found = run_monitors(log, watched_gate(*segments), NOW)
        states = {each.segment: each.state for each in found.standings}
        assert states == {"A": "OK", "B": "WATCH"}
        unknown, features = judged(160, quiet(1), site="C")
        log.add(unknown, features)
        refused = run_monitors(log, watched_gate(*segments), NOW)
        saved = log.monitor_state(run.MONITOR, GATE)
    assert "expected a site of the calibration" in refused.skipped[0][1]
    assert saved is not None
    monitor = VersionMonitor.from_json(saved.state, watched_gate(*segments))
    assert [segment.watch.false_alarm for segment in monitor] == [0.025, 0.025]
    assert [segment.spent for segment in monitor] == [
        {"false WATCH": 0.025, "false HARM (accepted error)": 0.025},
        {"false WATCH": 0.025, "wrong BENIGN": 0.025},
    ]


CHILD = """
import os, signal, sys
from datetime import UTC, datetime
import pandas as pd
import segqc_conformal.case_log.monitor_record as log_module
from segqc_conformal.case_log import CaseLog
from segqc_conformal.monitors import Segment, WatchedGate, run

url, profile, inside, commits = sys.argv[1], sys.argv[2], sys.argv[3] == "inside", int(sys.argv[4])
run.BATCH = 25
write_spent, commit, count = log_module.write_spent, CaseLog.commit_monitor, 0

def killed_inside(*arguments):
    global count
    count += 1
    write_spent(*arguments)
    if inside and count == commits:  # all is written, the transaction is open
        os.kill(os.getpid(), signal.SIGKILL)

def killed_after(self, *arguments, **named):
    commit(self, *arguments, **named)
    if not inside and count == commits:
        os.kill(os.getpid(), signal.SIGKILL)

log_module.write_spent, CaseLog.commit_monitor = killed_inside, killed_after
with CaseLog(url) as log:
    segment = Segment("all", None, 0.1, None)
    gate = WatchedGate("f00d", pd.read_parquet(profile), (segment,))
    run.run_monitors(log, gate, datetime(2026, 11, 23, 8, tzinfo=UTC), notify=True)
"""


def test_a_run_killed_inside_and_after_a_commit_is_replayed_bit_for_bit(
    log_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    profile().to_parquet(tmp_path / "profile.parquet")
    watch = start_watch(profile(), seed=7)
    scores = quiet(120) + [-3.0] * 30
    with CaseLog(log_url) as log:
        verdicts, features = judged(0, scores)
        log.add(verdicts, features)
        # the first commit of the first run says that the monitors begin
        for where, commits, cursor in (("inside", 4, 50), ("after", 2, 100)):
            command = [
                sys.executable,
                "-c",
                CHILD,
                log_url,
                str(tmp_path / "profile.parquet"),
                where,
                str(commits),
            ]
            assert subprocess.run(command, check=False).returncode == -9
            saved = log.monitor_state(run.MONITOR, GATE)
            assert saved is not None
            assert saved.cursor == cursor
            assert log.events().empty
            assert log.due_notices(NOW) == []
        gate = watched_gate(Segment("all", None, 0.1, None))
        found = run_monitors(log, gate, NOW, notify=True)
        saved = log.monitor_state(run.MONITOR, GATE)
        assert log.events()["kind"].tolist() == ["state_changed"]
        assert [notice.kind for notice in log.due_notices(NOW)] == ["state_changed"]
    for verdict, feature in zip(verdicts.itertuples(), features.itertuples(), strict=True):
        values = {"accept_score": verdict.accept_score, "feature_x": feature.feature_x}
        watch.update(values, verdict.case_id, "A", verdict.time.to_pydatetime())
    assert saved is not None
    (segment,) = VersionMonitor.from_json(saved.state, gate)
    assert segment.watch.to_json() == watch.to_json()
    assert (found.status, found.segments[0].cases) == ("alarm", 150)
