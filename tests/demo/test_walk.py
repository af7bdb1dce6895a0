from pathlib import Path

import pandas as pd
import pytest

from segqc_conformal.calibration_folder import CalibrationFolder
from segqc_conformal.demo import walk
from segqc_conformal.demo.story import HEAD, period_rows, sentences, write_demo_report
from segqc_conformal.errors import InputError

SMALL = {"LABELLED": 60, "QUIET": 20, "PATIENCE": 40, "UNDER_ALARM": 40, "LAST": 20}


@pytest.fixture(scope="module")
def walked(tmp_path_factory: pytest.TempPathFactory) -> tuple[walk.DemoResult, Path]:
    folder = tmp_path_factory.mktemp("demo")
    with pytest.MonkeyPatch.context() as patch:
        for name, patients in SMALL.items():
            patch.setattr(walk, name, patients)
        return walk.run_demo(folder, seed=1), folder


def test_the_walk_leaves_two_versions_and_a_log(walked: tuple[walk.DemoResult, Path]) -> None:
    result, folder = walked
    versions = CalibrationFolder(folder / "calibration")
    assert versions.active == result.second.id
    assert set(versions.versions()) == {result.first.id, result.second.id}
    assert result.second.certificate.lineage["parent"] == result.first.id
    assert (folder / "log.db").exists()
    drift = (folder / "drift-report.html").read_text("utf-8")
    assert f"Recent cases against calibration {result.first.id[:12]}" in drift


def test_every_case_that_was_judged_has_its_verdicts(
    walked: tuple[walk.DemoResult, Path],
) -> None:
    result, folder = walked
    verdicts = pd.read_parquet(folder / "verdicts.parquet")
    assert (verdicts.groupby("case_id").size() == 3).all()
    patients = [result.before, result.during, result.after]
    counts = [frame["patient_id"].nunique() for frame in patients]
    assert counts[0] == SMALL["QUIET"]
    assert counts[2] == SMALL["LAST"]


def test_no_patient_fits_calibrates_and_is_judged(walked: tuple[walk.DemoResult, Path]) -> None:
    result, _ = walked
    first, second = (gate.certificate.lineage for gate in (result.first, result.second))
    parts = [first["fit_patients"], first["calibration_patients"], second["calibration_patients"]]
    assert len(set().union(*parts)) == sum(map(len, parts))


def test_the_story_has_a_row_per_period_and_a_report(
    walked: tuple[walk.DemoResult, Path], tmp_path: Path
) -> None:
    result, _ = walked
    rows = period_rows(result)
    assert [len(row) for row in rows] == [len(HEAD)] * 3
    assert any("scanner was replaced after patient" in sentence for sentence in sentences(result))
    report = write_demo_report(result, tmp_path / "report.html").read_text()
    assert "What happened in this run" in report
    assert "data:image/png;base64" in report


def test_a_folder_with_an_earlier_demo_is_refused(walked: tuple[walk.DemoResult, Path]) -> None:
    with pytest.raises(InputError, match="earlier demo"):
        walk.run_demo(walked[1])
