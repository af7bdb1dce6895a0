import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from segqc_conformal.case_log import CaseLog
from segqc_conformal.errors import InputError
from segqc_conformal.monitors import run, run_monitors, start_watch

GATE = "f00d"
NOW = datetime(2026, 11, 23, 8, tzinfo=UTC)


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
        nothing = run_monitors(log, GATE, profile(), NOW)
        assert (nothing.status, nothing.exit_code) == ("not_enough_evidence", 11)
        assert log.monitor_state(run.MONITOR, GATE) is None
        log.add(*judged(0, quiet(100)))
        log.add(*judged(100, [5.0] * 50, calibration="another"))
        first = run_monitors(log, GATE, profile(), NOW)
        assert (first.status, first.exit_code, first.new_cases) == ("ok", 0, 100)
        saved = log.monitor_state(run.MONITOR, GATE)
        second = run_monitors(log, GATE, profile(), NOW)
        assert (second.status, second.new_cases, second.total_cases) == ("ok", 0, 100)
        assert second.log_evidence == first.log_evidence
        assert log.monitor_state(run.MONITOR, GATE) == saved
        assert log.events().empty


def test_a_change_raises_one_alarm_that_stays(log_url: str) -> None:
    with CaseLog(log_url) as log:
        log.add(*judged(0, quiet(100)))
        log.add(*judged(100, [score - 2.0 for score in quiet(100)]))
        found = run_monitors(log, GATE, profile(), NOW)
        assert (found.status, found.exit_code) == ("alarm", 10)
        assert found.located == ("accept_score",)
        assert 100 < (found.alarmed_at or 0) < 140
        assert 90 <= int((found.change_point or "c0")[1:]) <= 110
        again = run_monitors(log, GATE, profile(), NOW)
        assert (again.exit_code, again.change_point) == (10, found.change_point)
        events = log.events()
    assert events["kind"].tolist() == ["watch_alarm"]
    assert events["detail"].iloc[0]["change_point"] == found.change_point
    assert events["detail"].iloc[0]["alarmed_at"] == found.alarmed_at


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
                run_monitors(log, GATE, profile(), NOW)
            states.append(log.monitor_state(run.MONITOR, GATE))
    assert states[0] == states[1]


def test_a_patient_bets_once(log_url: str) -> None:
    verdicts, features = judged(0, quiet(40))
    verdicts["patient_id"] = [f"p{number // 2}" for number in range(40)]
    with CaseLog(log_url) as log:
        log.add(verdicts, features)
        found = run_monitors(log, GATE, profile(), NOW)
    assert (found.new_cases, found.repeats, found.total_cases) == (40, 20, 20)


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
        found = run_monitors(log, GATE, profile(), NOW)
        assert (found.status, found.exit_code) == ("not_enough_evidence", 11)
        reasons = dict(found.skipped)
        assert list(reasons) == ["c1", "c2", "c3", "c9", "c8"]
        assert reasons["c1"] == "no accept score"
        assert reasons["c2"] == "input_error: truncated file"
        assert reasons["c3"] == "no feature_x in the log"
        assert "a site among ['A', 'B']" in reasons["c9"]
        assert "a time not before" in reasons["c8"]
        assert found.total_cases == 3
        assert log.events()["detail"].iloc[0]["cases"] == reasons


def test_features_that_were_never_logged_are_said_to_be_missing(tmp_path: Path) -> None:
    with CaseLog(f"sqlite:///{tmp_path}/log.db") as log:
        log.add(judged(0, quiet(3))[0])
        found = run_monitors(log, GATE, profile(), NOW)
    assert found.total_cases == 0
    assert {reason for _, reason in found.skipped} == {"no feature_x in the log"}


def test_other_settings_than_those_of_the_first_run_are_refused(tmp_path: Path) -> None:
    with CaseLog(f"sqlite:///{tmp_path}/log.db") as log:
        log.add(*judged(0, quiet(3)))
        run_monitors(log, GATE, profile(), NOW)
        with pytest.raises(InputError, match="keep the settings"):
            run_monitors(log, GATE, profile(), NOW, horizon=10**6)


CHILD = """
import os, signal, sys
from datetime import UTC, datetime
import pandas as pd
import segqc_conformal.case_log.log as log_module
from segqc_conformal.monitors import run

url, profile, inside, commits = sys.argv[1], sys.argv[2], sys.argv[3] == "inside", int(sys.argv[4])
run.BATCH = 25
write_events, commit, count = log_module.write_events, log_module.CaseLog.commit_monitor, 0

def killed_inside(connection, events, now):
    global count
    count += 1
    if inside and count == commits:  # the state is written, the transaction is open
        os.kill(os.getpid(), signal.SIGKILL)
    write_events(connection, events, now)

def killed_after(self, *arguments, **named):
    commit(self, *arguments, **named)
    if not inside and count == commits:
        os.kill(os.getpid(), signal.SIGKILL)

log_module.write_events, log_module.CaseLog.commit_monitor = killed_inside, killed_after
with log_module.CaseLog(url) as log:
    run.run_monitors(log, "f00d", pd.read_parquet(profile), datetime(2026, 11, 23, tzinfo=UTC))
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
        for where, commits, cursor in (("inside", 3, 50), ("after", 2, 100)):
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
        found = run_monitors(log, GATE, profile(), NOW)
        saved = log.monitor_state(run.MONITOR, GATE)
        assert log.events()["kind"].tolist() == ["watch_alarm"]
    for verdict, feature in zip(verdicts.itertuples(), features.itertuples(), strict=True):
        values = {"accept_score": verdict.accept_score, "feature_x": feature.feature_x}
        watch.update(values, verdict.case_id, "A", verdict.time.to_pydatetime())
    assert saved is not None
    assert saved.state == watch.to_json()
    assert (found.status, found.total_cases) == ("alarm", 150)
