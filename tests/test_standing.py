from pathlib import Path

import pandas as pd
import pytest

from segqc_conformal.calibration_folder import CalibrationFolder
from segqc_conformal.errors import FileFormatError, TamperedError
from segqc_conformal.gate import CalibratedGate
from segqc_conformal.standing import Standing, standings_from_json, standings_to_json

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


def test_json_goes_round_and_a_change_is_refused() -> None:
    text = standings_to_json("f00d", [OK, HARM_A])
    assert standings_from_json(text, "f00d") == (OK, HARM_A)
    for wrong in (text.replace("HARM", "OK"), text[:-40], "[]", "{}"):
        with pytest.raises(FileFormatError, match="run `segqc monitor run` again"):
            standings_from_json(wrong, "f00d")
    with pytest.raises(FileFormatError, match="of version f00d"):
        standings_from_json(text, "beef")


def test_a_loaded_gate_says_what_was_published_of_its_version(
    gate: CalibratedGate, cohort: object, tmp_path: Path
) -> None:
    folder = CalibrationFolder(tmp_path / "calibration")
    folder.add(gate, by="a", reason="b")
    assert folder.load().standings == ()
    folder.publish(gate.id, [WATCH])
    table = cohort(10, 5000)  # type: ignore[operator]
    said = folder.load().judge(table)["message"]
    assert said.str.startswith("WATCH since 2026-11-28").all()
    assert folder.versions() == [gate.id]
    folder.publish(gate.id, [OK])
    assert not folder.load().judge(table)["message"].str.contains("WATCH").any()
    file = tmp_path / "calibration" / f"{gate.id}.standing.json"
    file.write_text(file.read_text().replace('"OK"', '"BENIGN"'))
    with pytest.raises(TamperedError, match=r"standing\.json as it was saved"):
        folder.load()
    file.write_bytes(b"\xff")
    with pytest.raises(TamperedError):
        folder.load()
