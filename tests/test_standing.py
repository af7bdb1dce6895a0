from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path

import pandas as pd
import pytest

from segqc_conformal.calibration_folder import CalibrationFolder
from segqc_conformal.errors import FileFormatError, InputError, TamperedError
from segqc_conformal.gate import CalibratedGate
from segqc_conformal.standing import LOST, Standing, ToldStandings

Cohort = Callable[..., pd.DataFrame]
SINCE = "2026-11-28T08:00:00+00:00"
OK = Standing("all", None, "OK", None, (), False)
HARM_A = Standing("A", ("A",), "HARM", SINCE, ("accepted error above 0.1",), True)
WATCH = Standing("all", None, "WATCH", SINCE, ("x changed",), False)


def verdicts() -> pd.DataFrame:
    return pd.DataFrame(
        {
            "site": ["A", "A", "B"],
            "accept": [True, False, True],
            "reason": ["certified", "below_threshold", "certified"],
            "message": ["promise", "below", "promise"],
        }
    )


@pytest.mark.parametrize("state", ["OK", "BENIGN"])
def test_a_standing_that_is_no_matter_changes_nothing(state: str) -> None:
    standing = Standing("all", None, state, SINCE, (), False)  # type: ignore[arg-type]
    assert standing.words == ""
    assert standing.applied(verdicts()) is not None
    pd.testing.assert_frame_equal(standing.applied(verdicts()), verdicts())


def test_harm_refers_its_segment_only_and_keeps_earlier_reasons() -> None:
    out = HARM_A.applied(verdicts())
    assert out["accept"].tolist() == [False, False, True]
    assert out["reason"].tolist() == ["promise_suspended", "below_threshold", "certified"]
    assert out["message"].iloc[0].endswith("promise")
    assert out["message"].iloc[0].startswith("HARM since 2026-11-28: audits show")
    assert out["message"].iloc[2] == "promise"


def test_watch_says_so_and_keeps_accepting_unless_asked_to_refer() -> None:
    kept = WATCH.applied(verdicts())
    assert kept["accept"].tolist() == [True, False, True]
    assert kept["message"].str.startswith("WATCH since").all()
    strict = Standing("all", None, "WATCH", SINCE, ("x changed",), True)
    assert not strict.applied(verdicts())["accept"].any()


def told(*segments: Standing, at: str = "2026-11-28T08:00:00+00:00") -> ToldStandings:
    return ToldStandings("f00d", "begun", at, 30, segments)


def test_json_goes_round_and_a_change_is_refused() -> None:
    text = told(OK, HARM_A).to_json()
    assert ToldStandings.from_json(text, "f00d") == told(OK, HARM_A)
    for wrong in (text.replace("HARM", "OK"), text[:-40], "[]", "{}"):
        with pytest.raises(FileFormatError, match="run `segqc monitor run` again"):
            ToldStandings.from_json(wrong, "f00d")
    with pytest.raises(FileFormatError, match="of version f00d"):
        ToldStandings.from_json(text, "beef")


def test_a_monitor_that_is_silent_for_too_long_is_no_evidence() -> None:
    found = told(OK, HARM_A)
    then = datetime.fromisoformat(found.told)
    assert found.at(then + timedelta(days=29)) == (OK, HARM_A)
    late = found.at(then + timedelta(days=30))
    assert (late[0].state, late[1]) == ("STALE", HARM_A)
    assert "no run of the monitors since 2026-11-28" in late[0].words


def published(folder: CalibrationFolder, version: str, *segments: Standing) -> None:
    folder.publish(version, segments, log="begun", stale_after_days=30)


def test_a_loaded_gate_says_what_was_published_since_at_every_judgement(
    gate: CalibratedGate, cohort: Cohort, tmp_path: Path
) -> None:
    folder = CalibrationFolder(tmp_path / "calibration")
    folder.add(gate, by="a", reason="b")
    service, table = folder.load(), cohort(40, 5000)
    assert service.standings == ()
    before = service.judge(table)
    assert before["accept"].any()
    published(folder, gate.id, WATCH)
    assert service.judge(table)["message"].str.startswith("WATCH since 2026-11-28").all()
    assert folder.versions() == [gate.id]
    assert folder.active == gate.id
    published(folder, gate.id, OK)
    assert service.judge(table).equals(before)
    published(folder, gate.id, Standing("all", None, "HARM", SINCE, ("x",), True))
    assert not service.judge(table)["accept"].any()
    assert [each.action for each in folder.history()] == ["calibrate", "watch"]


def test_a_standing_that_is_damaged_or_gone_refers_every_case_until_the_monitors_ran(
    gate: CalibratedGate, cohort: Cohort, tmp_path: Path
) -> None:
    folder = CalibrationFolder(tmp_path / "calibration")
    folder.add(gate, by="a", reason="b")
    published(folder, gate.id, OK)
    service, table = folder.load(), cohort(40, 5000)
    file = tmp_path / "calibration" / f"{gate.id}.standing.json"
    file.write_text(file.read_text().replace('"OK"', '"BENIGN"'))
    with pytest.raises(TamperedError, match=r"standing\.json as it was saved"):
        folder.load()
    assert not service.judge(table)["accept"].any()
    file.unlink()
    assert folder.load().standings == (LOST,)
    stopped = service.judge(table)
    assert not stopped["accept"].any()
    assert stopped["message"].str.contains("what the monitors found is lost").all()
    published(folder, gate.id, OK)
    assert service.judge(table)["accept"].any()


def test_another_log_cannot_overwrite_what_was_found(gate: CalibratedGate, tmp_path: Path) -> None:
    folder = CalibrationFolder(tmp_path / "calibration")
    folder.add(gate, by="a", reason="b")
    published(folder, gate.id, HARM_A)
    with pytest.raises(InputError, match="another log, begun later"):
        folder.publish(gate.id, [OK], log="later", stale_after_days=30)
    assert folder.standings(gate.id) == (HARM_A,)
