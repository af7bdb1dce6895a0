import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from segqc_conformal import quality_gate
from segqc_conformal.adapters.nifti import write_volume
from segqc_conformal.case_log import CaseLog
from segqc_conformal.cli.app import main
from segqc_conformal.evaluation.voxel_errors import VoxelErrors, write_voxel_errors
from segqc_conformal.features.saved_maps import save_maps
from segqc_conformal.features.table import read_table, write_table
from segqc_conformal.gate import CalibratedGate
from segqc_conformal.patients import pseudonym, split_patients
from segqc_conformal.quality.predictor import fit_quality
from segqc_conformal.uncertainty.accumulator import UncertaintyAccumulator
from segqc_conformal.verdict_table import VERDICT_COLUMNS

Cohort = Callable[..., pd.DataFrame]


class Segqc:
    """Run `segqc` in a folder of its own; keep what it printed."""

    def __init__(self, capsys: pytest.CaptureFixture[str]) -> None:
        self._capsys = capsys
        self.out = self.err = ""

    def __call__(self, *words: object) -> int:
        with pytest.raises(SystemExit) as stopped:
            main([str(word) for word in words])
        captured = self._capsys.readouterr()
        self.out, self.err = captured.out, captured.err
        assert "Traceback" not in self.err
        assert isinstance(stopped.value.code, int)
        return stopped.value.code


@pytest.fixture
def segqc(
    capsys: pytest.CaptureFixture[str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    cheap: dict[str, Any],
) -> Segqc:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "160")

    def fit_cheaply(table: pd.DataFrame, **settings: Any) -> Any:
        return fit_quality(table, **{**settings, "candidates": cheap})

    # the commands have no option for candidates: the default ones only cost time here
    monkeypatch.setattr(quality_gate, "fit_quality", fit_cheaply)
    return Segqc(capsys)


@pytest.fixture
def saved(segqc: Segqc, gate: CalibratedGate) -> CalibratedGate:
    gate.save("calibration", by="ann", reason="first")
    return gate


MONITOR = ("--log", "sqlite:///log.db", "--calibration", "calibration")


def strict_json(text: str) -> dict[str, Any]:
    def refuse(name: str) -> None:
        raise AssertionError(f"{name} is no JSON")

    (line,) = text.splitlines()
    found: dict[str, Any] = json.loads(line, parse_constant=refuse)
    return found


def judged_and_logged(segqc: Segqc, table: pd.DataFrame) -> None:
    write_table(table, "new.parquet")
    assert segqc("judge", "calibration", "new.parquet", "--out", "verdicts.parquet") == 0
    assert segqc("log", "add", "verdicts.parquet", "--features", "new.parquet", *MONITOR) == 0


@pytest.mark.parametrize("suffix", ["csv", "parquet"])
def test_calibrate_then_judge_gives_the_librarys_verdicts(
    segqc: Segqc, cohort: Cohort, cheap: dict[str, Any], suffix: str
) -> None:
    table, new = cohort(80), cohort(10, 5000)
    new.loc[3, "feature_noise"] = np.nan
    write_table(table, f"features.{suffix}")
    write_table(new, f"new.{suffix}")
    assert segqc("calibrate", f"features.{suffix}", "--out", "calibration", "--by", "ann") == 0
    assert "whole_case" in segqc.out
    assert Path("calibration-report.html").stat().st_size > 1000
    gate = CalibratedGate.load("calibration")
    assert gate.id[:12] in segqc.out
    out = f"verdicts.{suffix}"
    Path("masks").mkdir()
    write_volume(Path("masks/c5000.nii.gz"), np.zeros((2, 3, 4), np.uint8), np.eye(4))
    given = ("judge", "calibration", f"new.{suffix}", "--out", out, "--masks", "masks")
    assert segqc(*given) == 1
    assert "add --sidecar DIR" in segqc.err
    assert segqc(*given, "--sidecar", "side") == 0
    found, expected = read_table(out), gate.judge(new)
    assert tuple(found.columns) == VERDICT_COLUMNS
    pd.testing.assert_frame_equal(
        found.assign(time=pd.to_datetime(found["time"], utc=True)),
        expected,
        check_dtype=False,
        rtol=1e-12,
    )
    assert found["patient_id"].tolist() == expected["patient_id"].tolist()
    assert len(list(Path("side").iterdir())) == 10
    assert json.loads(Path("side/c5000.segqc.json").read_text())["mask"]["orientation"] == "RAS"
    assert "10 cases" in segqc.out


def test_every_setting_of_calibrate_is_honoured(segqc: Segqc, cohort: Cohort) -> None:
    write_table(cohort(80), "features.parquet")
    named = [f"{number:04d}" for number in range(30)]
    Path("fit.txt").write_text("\n".join(named) + "\n")
    assert (
        segqc(
            "calibrate",
            "features.parquet",
            "--out",
            "cal",
            "--miscoverage",
            0.2,
            "--dice-threshold",
            0.7,
            "--tolerated-error",
            0.15,
            "--confidence",
            0.8,
            "--interval-confidence",
            0.85,
            "--side",
            "lower",
            "--groups",
            "site",
            "--subset",
            "both=anterior,posterior",
            "--family",
            "all",
            "--looks",
            "many",
            "--fit-patients",
            "fit.txt",
            "--seed",
            3,
            "--by",
            "ann",
            "--report",
            "r.html",
        )
        == 0
    )
    certificate = CalibratedGate.load("cal").certificate
    assert certificate.settings == {
        "miscoverage": 0.2,
        "dice_threshold": 0.7,
        "tolerated_error": 0.15,
        "confidence": 0.8,
        "interval_confidence": 0.85,
        "side": "lower",
        "groups": "site",
        "subsets": {"both": ["anterior", "posterior"]},
        "family": "all",
        "looks": "many",
        "seed": 3,
    }
    assert len(certificate.lineage["fit_patients"]) == 30
    assert Path("r.html").exists()


def test_explore_writes_no_calibration(segqc: Segqc, cohort: Cohort) -> None:
    write_table(cohort(60), "features.parquet")
    assert segqc("calibrate", "features.parquet", "--out", "cal", "--explore") == 0
    assert "P(certify)" in segqc.out
    assert not Path("cal").exists()


def test_explore_writes_the_page_that_is_asked_for_and_is_not_signed(
    segqc: Segqc, cohort: Cohort
) -> None:
    write_table(cohort(60), "features.parquet")
    words = ("calibrate", "features.parquet", "--out", "cal", "--explore")
    assert segqc(*words, "--report", "risk.html") == 0
    assert Path("risk.html").exists()
    assert Path("risk.json").exists()
    assert not Path("cal-explore.html").exists()
    assert segqc(*words, "--by", "ann") == 1
    assert "expected --explore without --by; received --by ann; remedy: leave" in segqc.err


def test_too_small_a_set_is_a_result_with_a_number(segqc: Segqc, cohort: Cohort) -> None:
    write_table(cohort(20), "features.parquet")
    assert segqc("calibrate", "features.parquet", "--out", "calibration") == 0
    words = " ".join(segqc.out.split())
    assert "at least 22 calibration patients are needed" in words
    write_table(cohort(5, 5000), "new.parquet")
    assert segqc("judge", "calibration", "new.parquet", "--out", "v.parquet") == 0
    assert (read_table("v.parquet")["reason"] == "cannot_certify").all()


def test_calibrating_twice_with_the_same_patients_is_refused(segqc: Segqc, cohort: Cohort) -> None:
    write_table(cohort(60), "features.parquet")
    assert segqc("calibrate", "features.parquet", "--out", "calibration") == 0
    first = CalibratedGate.load("calibration").id
    again = ("calibrate", "features.parquet", "--out", "calibration", "--tolerated-error", 0.2)
    assert segqc(*again) == 1
    assert "CalibrationError" in segqc.err
    assert CalibratedGate.load("calibration").id == first


BAD_FILES = [b"", b"PAR1", b"\x00\xff\xfe", b"a,b\n1,2\n", b'case_id,"open\n']
COMMANDS = [
    ("calibrate", "FILE", "--out", "other"),
    ("calibrate", "FILE", "--out", "other", "--explore"),
    ("judge", "calibration", "FILE", "--out", "v.parquet"),
    ("log", "add", "FILE", *MONITOR),
    ("audit", "add", "FILE", *MONITOR),
    ("compare", "FILE"),
    ("review", "FILE", "--out", "list.csv"),
    (
        "recalibrate",
        "--features",
        "FILE",
        "--calibration",
        "calibration",
        "--by",
        "b",
        "--reason",
        "r",
    ),
]


@pytest.mark.parametrize("words", COMMANDS, ids=lambda words: " ".join(words[:2]))
def test_a_damaged_or_missing_table_is_a_typed_error(
    segqc: Segqc, saved: CalibratedGate, cohort: Cohort, words: tuple[str, ...]
) -> None:
    write_table(cohort(60), "whole.parquet")
    contents = [*BAD_FILES, Path("whole.parquet").read_bytes()[:-200]]
    files = [f"bad.{suffix}" for suffix in ("csv", "parquet")]
    for content in contents:
        for name in files:
            Path(name).write_bytes(content)
            assert segqc(*[name if word == "FILE" else word for word in words]) == 1
            assert "Error: expected" in segqc.err
    for name in ("absent.csv", "absent.parquet", "table.xlsx"):
        assert segqc(*[name if word == "FILE" else word for word in words]) == 1
        assert "FileFormatError" in segqc.err
    assert CalibratedGate.load("calibration").id == saved.id
    assert not Path("other").exists()


def test_numeric_ids_are_refused_and_csv_ids_keep_their_zeros(
    segqc: Segqc, saved: CalibratedGate, cohort: Cohort
) -> None:
    new = cohort(3)
    new.assign(patient_id=new["patient_id"].astype(int)).to_parquet("numbers.parquet")
    assert segqc("judge", "calibration", "numbers.parquet", "--out", "v.csv") == 1
    assert "InputError: expected non-empty strings in column patient_id" in segqc.err
    write_table(new.assign(case_id=new["patient_id"]), "new.csv")
    assert segqc("judge", "calibration", "new.csv", "--out", "v.csv") == 0
    assert read_table("v.csv")["case_id"].unique().tolist() == ["0000", "0001", "0002"]
    assert segqc("log", "add", "v.csv", "--features", "new.csv", *MONITOR) == 0
    with CaseLog("sqlite:///log.db") as log:
        assert log.cases_after()["patient_id"].tolist() == ["0000", "0001", "0002"]


def test_a_table_without_rows_gives_a_verdict_table_without_rows(
    segqc: Segqc, saved: CalibratedGate, cohort: Cohort
) -> None:
    for suffix in ("csv", "parquet"):
        write_table(cohort(1).iloc[:0], f"none.{suffix}")
        assert segqc("judge", "calibration", f"none.{suffix}", "--out", f"v.{suffix}") == 0
        assert tuple(read_table(f"v.{suffix}").columns) == VERDICT_COLUMNS
        assert segqc("log", "add", f"v.{suffix}", *MONITOR) == 0


def test_missing_fit_patients_and_settings_out_of_range_are_typed_errors(
    segqc: Segqc, cohort: Cohort
) -> None:
    write_table(cohort(60), "features.parquet")
    calibrate = ("calibrate", "features.parquet", "--out", "calibration")
    assert segqc(*calibrate, "--fit-patients", "absent.txt") == 1
    assert "Error: expected" in segqc.err
    assert segqc(*calibrate, "--miscoverage", 1.5) == 1
    assert "InputError: expected miscoverage" in segqc.err
    assert not Path("calibration").exists()


def test_fit_patients_may_have_blanks_in_their_ids(segqc: Segqc, cohort: Cohort) -> None:
    table = cohort(60)
    table["patient_id"] = "patient " + table["patient_id"]
    write_table(table, "features.parquet")
    Path("fit.txt").write_text("".join(f"patient {number:04d}\n" for number in range(25)))
    assert (
        segqc("calibrate", "features.parquet", "--out", "calibration", "--fit-patients", "fit.txt")
        == 0
    )
    assert CalibratedGate.load("calibration").certificate.data["patients_fit"] == 25


def test_a_changed_calibration_folder_is_refused_by_every_command(
    segqc: Segqc, saved: CalibratedGate, cohort: Cohort
) -> None:
    write_table(cohort(40, 1000), "new.parquet")
    path = Path("calibration", saved.id, "profile.parquet")
    path.write_bytes(path.read_bytes() + b" ")
    for words in (
        ("judge", "calibration", "new.parquet", "--out", "v.parquet"),
        ("status", "calibration"),
        ("monitor", "run", *MONITOR),
        ("rollback", "--calibration", "calibration", "--by", "b", "--reason", "r"),
        (
            "recalibrate",
            "--features",
            "new.parquet",
            "--calibration",
            "calibration",
            "--by",
            "b",
            "--reason",
            "r",
        ),
    ):
        assert segqc(*words) == 1
        assert "TamperedError" in segqc.err


def test_log_add_counts_and_a_second_time_adds_nothing(
    segqc: Segqc, saved: CalibratedGate, cohort: Cohort
) -> None:
    judged_and_logged(segqc, cohort(12, 5000))
    assert "12 cases added, 0 already present" in segqc.out
    assert segqc("log", "add", "verdicts.parquet", *MONITOR) == 0
    assert "0 cases added, 12 already present" in segqc.out


def test_log_add_takes_verdicts_on_bad_rows_as_well(
    segqc: Segqc, saved: CalibratedGate, cohort: Cohort
) -> None:
    new = cohort(6, 5000)
    new.loc[0, "feature_noise"] = np.nan
    new.loc[2, "failed"] = "no image"
    new.loc[4, "structure"] = "hilus"
    new = pd.concat([new, new.iloc[[6]].assign(feature_noise=0.5)], ignore_index=True)
    judged_and_logged(segqc, new)
    assert "6 cases added" in segqc.out


def test_log_add_refuses_verdicts_of_another_calibration(
    segqc: Segqc, saved: CalibratedGate, cohort: Cohort
) -> None:
    verdicts = saved.judge(cohort(3, 5000))
    write_table(verdicts.assign(calibration="f00d"), "v.parquet")
    assert segqc("log", "add", "v.parquet", *MONITOR) == 1
    assert "IdentityError" in segqc.err
    write_table(verdicts.drop(columns="calibration"), "v.parquet")
    assert segqc("log", "add", "v.parquet", *MONITOR) == 1
    assert "calibration" in segqc.err


def test_monitor_run_says_11_then_0_then_10_and_repeats_itself(
    segqc: Segqc, saved: CalibratedGate, cohort: Cohort
) -> None:
    run = ("monitor", "run", *MONITOR, "--as-of", "2026-11-23T08:00:00")
    assert segqc(*run) == 1
    assert "expected an existing case log" in segqc.err
    CaseLog("sqlite:///log.db").close()
    assert segqc(*run) == 11
    assert strict_json(segqc.out)["status"] == "not_enough_evidence"
    assert segqc(*run, "--exit-zero") == 0
    judged_and_logged(segqc, cohort(60, 5000, empty=0.03))
    assert segqc(*run) == 0
    quiet = strict_json(segqc.out)
    assert (quiet["status"], quiet["new_cases"], quiet["calibration"]) == ("ok", 60, saved.id)
    assert segqc(*run) == 0
    again = strict_json(segqc.out)
    assert again["new_cases"] == 0
    assert again["segments"] == quiet["segments"]
    assert quiet["segments"][0]["cases"] == 60
    drifted = cohort(120, 6000)
    drifted["feature_agreement"] *= 0.5
    judged_and_logged(segqc, drifted)
    assert segqc(*run) == 10
    alarm = strict_json(segqc.out)
    assert alarm["status"] == "alarm"
    (segment,) = alarm["segments"]
    assert (segment["standing"]["state"], segment["standing"]["segment"]) == ("WATCH", "all")
    assert segment["alarmed_at"] > 60
    assert segqc(*run) == 10
    assert strict_json(segqc.out)["segments"] == [segment]
    assert segqc(*run, "--exit-zero") == 0
    assert segqc(*run, "--seed", 8) == 1
    assert "InputError" in segqc.err
    assert segqc.out == ""


def test_audits_go_from_drawing_to_recalibration_and_back(
    segqc: Segqc, saved: CalibratedGate, cohort: Cohort
) -> None:
    new = cohort(50, 5000)
    judged_and_logged(segqc, new.drop(columns="dice"))
    draw = ("audit", "next", *MONITOR, "--rate", 0.6, "--secret-seed", 11, "--out", "todo.csv")
    assert segqc(*draw) == 0
    todo = read_table("todo.csv")
    assert 20 <= len(todo) <= 40
    assert f"{len(todo)} cases drawn now" in segqc.out
    assert segqc(*draw) == 0
    assert "0 cases drawn now" in segqc.out
    answers = new[new["case_id"].isin(todo["case_id"])][["case_id", "structure", "dice"]]
    write_table(answers, "answers.csv")
    assert segqc("audit", "add", "answers.csv", *MONITOR) == 0
    assert f"{len(todo)} audits recorded, 0 refused" in segqc.out
    assert segqc("audit", "add", "answers.csv", *MONITOR) == 0
    who = ("--calibration", "calibration", "--by", "bob", "--reason", "new scanner")
    log = ("--log", "sqlite:///log.db")
    assert segqc("recalibrate", *log, *who) == 1
    first = sorted(set(new["case_id"]) - set(todo["case_id"]))[0]
    with CaseLog("sqlite:///log.db") as case_log:
        drawn_before = (todo["sequence"].astype(int) < case_log.sequence_of(first)).sum()
    assert segqc("recalibrate", *log, "--since", first, *who) == 0
    fresh = CalibratedGate.load("calibration")
    assert fresh.certificate.lineage["parent"] == saved.id
    assert fresh.certificate.data["patients_calibration"] == len(todo) - drawn_before
    assert segqc("status", "calibration") == 0
    for word in (fresh.id[:12], saved.id[:12], "bob", "new scanner", "recalibrate", "whole_case"):
        assert word in segqc.out
    assert segqc("rollback", *who) == 0
    assert CalibratedGate.load("calibration").id == saved.id
    assert segqc("rollback", *who, "--to", fresh.id[:8]) == 0
    assert CalibratedGate.load("calibration").id == fresh.id
    assert segqc("rollback", *who, "--to", "nothing") == 1
    assert segqc("recalibrate", *who) == 1
    assert segqc("recalibrate", *who, "--features", "x", "--log", "y") == 1
    assert segqc("recalibrate", *log, "--since", first, *who) == 1
    assert "CalibrationError" in segqc.err


def test_with_hashed_ids_the_hospital_goes_on_speaking_of_its_own(
    segqc: Segqc, saved: CalibratedGate, cohort: Cohort
) -> None:
    Path("salt").write_text("the salt of this hospital\n")
    hashed, log = ("--hash-ids", "salt"), ("--log", "sqlite:///log.db")
    new = cohort(50, 5000)
    write_table(new.drop(columns="dice"), "new.parquet")
    assert segqc("judge", "calibration", "new.parquet", "--out", "verdicts.parquet") == 0
    add = ("log", "add", "verdicts.parquet", "--features", "new.parquet", *MONITOR)
    assert segqc(*add, *hashed) == 0
    assert "50 cases added" in segqc.out
    assert segqc(*add) == 1
    assert "received no salt; remedy: give the file with the salt" in segqc.err
    Path("other").write_text("the salt of another hospital\n")
    assert segqc(*add, "--hash-ids", "other") == 1
    assert "received a salt of fingerprint" in segqc.err
    draw = ("audit", "next", *MONITOR, "--rate", 0.6, "--secret-seed", 11, "--out", "todo.csv")
    assert segqc(*draw) == 0
    unnamed = read_table("todo.csv")
    assert unnamed["case_id"].str.fullmatch("[0-9a-f]{32}").all()
    assert segqc(*draw, *hashed, "--cases", "verdicts.parquet") == 0
    todo = read_table("todo.csv")
    assert set(todo["case_id"]) <= set(new["case_id"])
    answers = new[new["case_id"].isin(todo["case_id"])][["case_id", "structure", "dice"]]
    stored = dict(zip(todo["case_id"], unnamed["case_id"], strict=True))
    write_table(answers.head(20), "as-given.csv")
    write_table(answers.assign(case_id=answers["case_id"].map(stored)), "as-stored.csv")
    assert segqc("audit", "add", "as-given.csv", *MONITOR, *hashed) == 0
    assert segqc("audit", "add", "as-stored.csv", *MONITOR) == 0
    assert f"{len(todo)} audits recorded, 0 refused" in segqc.out
    assert segqc("monitor", "run", *MONITOR) == 0
    assert segqc("status", "calibration", *log) == 0
    assert "false WATCH" in segqc.out
    who = ("--calibration", "calibration", "--by", "bob", "--reason", "new scanner")
    assert segqc("recalibrate", *log, "--since", new["case_id"].iloc[0], *who) == 1
    assert "give the salt (`--hash-ids`)" in segqc.err
    assert segqc("recalibrate", "--features", "new.parquet", *who, *hashed) == 1
    assert segqc("recalibrate", *log, "--since", new["case_id"].iloc[0], *who, *hashed) == 0
    calibrated = CalibratedGate.load("calibration").certificate.lineage["calibration_patients"]
    assert set(calibrated) <= {pseudonym(patient) for patient in new["patient_id"]}
    # nobody calibrates twice, whatever form the ids come in
    write_table(new[new["patient_id"].map(pseudonym).isin(calibrated)], "again.parquet")
    assert segqc("recalibrate", "--features", "again.parquet", *who) == 1
    assert "received 0; " in segqc.err


def test_an_alarm_raises_audits_and_speaks_in_verdicts_and_harm_refers_all(
    segqc: Segqc, saved: CalibratedGate, cohort: Cohort
) -> None:
    new = cohort(150, 5000)
    judged_and_logged(segqc, new.drop(columns="dice"))
    draw = ("audit", "next", *MONITOR, "--rate", 0.02, "--raised-rate", 1.0, "--secret-seed", 1)
    assert segqc(*draw, "--out", "todo.csv") == 0
    assert len(read_table("todo.csv")) < 15
    drifted = cohort(200, 6000)
    drifted["feature_agreement"] *= 0.5
    judged_and_logged(segqc, drifted.drop(columns="dice"))
    assert segqc("monitor", "run", *MONITOR) == 10
    assert segqc("status", "calibration", "--log", "sqlite:///log.db") == 0
    assert "WATCH since" in segqc.out
    assert "At most a 5% chance of a false WATCH in 10000 cases (about" in segqc.out
    assert "Spent so far" in segqc.out
    write_table(cohort(20, 7000), "more.parquet")
    assert segqc("judge", "calibration", "more.parquet", "--out", "v.parquet") == 0
    kept = read_table("v.parquet")
    assert kept["message"].str.startswith("WATCH since").all()
    assert kept["accept"].any()
    assert segqc(*draw, "--out", "todo.csv") == 0
    todo = read_table("todo.csv")
    assert (todo["probability"].astype(float) == 1.0).sum() == 200
    both = pd.concat([new, drifted])
    answers = both[both["case_id"].isin(todo["case_id"])][["case_id", "structure", "dice"]]
    write_table(answers.assign(dice=1.0), "answers.csv")
    assert segqc("audit", "add", "answers.csv", *MONITOR) == 0
    assert segqc("monitor", "run", *MONITOR) == 10
    (segment,) = strict_json(segqc.out)["segments"]
    assert segment["standing"]["state"] == "HARM"
    assert segqc("judge", "calibration", "more.parquet", "--out", "v.parquet") == 0
    stopped = read_table("v.parquet")
    assert not stopped["accept"].any()
    was_accepted = kept["accept"].to_numpy()
    assert (stopped.loc[was_accepted, "reason"] == "promise_suspended").all()
    assert segqc("status", "calibration", "--log", "sqlite:///log.db") == 0
    for words in ("HARM since", "miscoverage", "A     ", "false HARM", "by the union bound"):
        assert words in segqc.out


def test_recalibration_refuses_audits_that_are_no_random_sample(
    segqc: Segqc, saved: CalibratedGate, cohort: Cohort
) -> None:
    new = cohort(60, 5000)
    judged_and_logged(segqc, new.drop(columns="dice"))
    draw = ("audit", "next", *MONITOR, "--rate", 0.9, "--secret-seed", 1, "--out", "todo.csv")
    assert segqc(*draw) == 0
    todo = read_table("todo.csv")["case_id"]
    columns = ["case_id", "structure", "dice"]
    write_table(new[new["case_id"].isin(todo[:-1])][columns], "answers.csv")
    assert segqc("audit", "add", "answers.csv", *MONITOR) == 0
    who = ("--calibration", "calibration", "--by", "bob", "--reason", "new scanner")
    again = ("recalibrate", "--log", "sqlite:///log.db", "--since", new["case_id"].iloc[0], *who)
    assert segqc(*again) == 1
    assert "received 1 unanswered" in segqc.err
    write_table(new[new["case_id"] == todo.iloc[-1]][columns], "last.csv")
    assert segqc("audit", "add", "last.csv", *MONITOR, "--reference-kind", "edited") == 0
    assert segqc(*again) == 1
    assert "edited from ours" in segqc.err


def test_recalibration_without_labels_takes_a_table_or_the_log(
    segqc: Segqc, saved: CalibratedGate, cohort: Cohort
) -> None:
    new = cohort(60, 5000)
    judged_and_logged(segqc, new.drop(columns="dice"))
    who = ("--calibration", "calibration", "--by", "bob", "--reason", "new scanner", "--weighted")
    log = ("--log", "sqlite:///log.db", "--since", new["case_id"].iloc[0])
    assert segqc("recalibrate", *log, *who) == 0
    assert "Approximate, because the weights were estimated" in segqc.out
    fresh = CalibratedGate.load("calibration")
    assert len(fresh.certificate.lineage["new_patients"]) == 59
    assert "by the weight of the case" in Path("calibration-report.html").read_text("utf-8")
    assert segqc("status", "calibration") == 0
    assert "reweight" in segqc.out
    judged_and_logged(segqc, cohort(30, 6000).drop(columns="dice"))
    assert segqc("monitor", "run", *MONITOR) in (0, 11)
    assert segqc("recalibrate", "--features", "new.parquet", *who) == 0
    assert segqc("recalibrate", "--features", "new.parquet", *who, "--look-again") == 1
    assert "one of --look-again, --weighted" in segqc.err


def test_a_path_that_cannot_be_written_is_an_error_without_a_traceback(
    segqc: Segqc, saved: CalibratedGate, cohort: Cohort
) -> None:
    write_table(cohort(5, 5000), "new.parquet")
    assert segqc("judge", "calibration", "new.parquet", "--out", "new.parquet/v.parquet") == 1
    assert "FileFormatError: expected paths that can be read and written" in segqc.err


def test_judging_with_the_wrong_gate_says_why_and_exits_1(
    segqc: Segqc, saved: CalibratedGate, cohort: Cohort
) -> None:
    write_table(cohort(5, 5000).assign(model_id="another"), "new.parquet")
    assert segqc("judge", "calibration", "new.parquet", "--out", "v.parquet") == 1
    assert "most frequent fault" in segqc.out
    assert "expected model_id m; received another" in segqc.out
    assert (read_table("v.parquet")["reason"] == "input_error").all()


@pytest.mark.parametrize(
    "change", [{"dice": 1.5}, {"dice": np.nan}, {"structure": "hilus"}, {"case_id": "nobody"}]
)
def test_a_bad_answer_is_listed_and_the_rest_is_kept(
    segqc: Segqc, saved: CalibratedGate, cohort: Cohort, change: dict[str, object]
) -> None:
    new = cohort(5, 5000)
    judged_and_logged(segqc, new)
    answers = new[["case_id", "structure", "dice"]].astype({"dice": object}).copy()
    for column, value in change.items():
        answers.loc[0, column] = value
    write_table(answers, "answers.csv")
    assert segqc("audit", "add", "answers.csv", *MONITOR) == 1
    assert "4 audits recorded" in segqc.out
    assert "expected" in segqc.err


@pytest.mark.parametrize("dice", ["good", "0.8;0.9"])
def test_an_answer_that_is_no_number_is_listed_as_well(
    segqc: Segqc, saved: CalibratedGate, cohort: Cohort, dice: str
) -> None:
    new = cohort(5, 5000)
    judged_and_logged(segqc, new)
    answers = new[["case_id", "structure", "dice"]].astype({"dice": object})
    answers.loc[0, "dice"] = dice
    write_table(answers, "answers.csv")
    assert segqc("audit", "add", "answers.csv", *MONITOR) == 1
    assert "4 audits recorded, 1 refused" in segqc.out


def test_audits_are_measured_on_masks_and_a_wrong_grid_is_listed(
    segqc: Segqc, saved: CalibratedGate, cohort: Cohort
) -> None:
    new = cohort(3, 5000).drop(columns="dice")
    judged_and_logged(segqc, new)
    drawn = ("audit", "next", *MONITOR, "--rate", 1, "--secret-seed", 11)
    assert segqc(*drawn) == 0
    mask, affine = np.zeros((4, 5, 6), np.uint8), np.diag([1.0, 1.0, 2.0, 1.0])
    mask[:, :2], mask[:, 2:4] = 1, 2
    reference = mask.copy()
    reference[:, 1] = 0
    for folder, labels in (("masks", mask), ("references", reference)):
        Path(folder).mkdir()
        for case_id in ("c5000", "c5001", "c5002"):
            write_volume(Path(folder, f"{case_id}.nii.gz"), labels, affine)
    write_volume(Path("references/c5001.nii.gz"), reference.transpose(2, 1, 0), affine)
    Path("masks/c5002.nii.gz").unlink()
    add = ("audit", "add", *MONITOR, "--references", "references", "--masks", "masks")
    assert segqc(*add) == 1
    assert "a table of answers, or --references, --masks and --structures" in segqc.err
    assert segqc(*add, "--structures", "anterior=1,posterior=2") == 1
    assert "1 audits recorded, 2 refused" in segqc.out
    assert "case c5001: expected a reference of the image's shape (4, 5, 6)" in segqc.err
    assert "whose axes 0 and 2 are swapped" in segqc.err
    assert "case c5002: expected an existing NIfTI file" in segqc.err
    with CaseLog("sqlite:///log.db") as case_log:
        pending = set(case_log.pending_audits()["case_id"])
    assert pending == {"c5001", "c5002"}


def test_a_structure_answered_twice_is_refused(
    segqc: Segqc, saved: CalibratedGate, cohort: Cohort
) -> None:
    new = cohort(2, 5000)
    judged_and_logged(segqc, new)
    answers = pd.concat([new, new.iloc[[0]].assign(dice=0.1)])[["case_id", "structure", "dice"]]
    write_table(answers, "answers.csv")
    assert segqc("audit", "add", "answers.csv", *MONITOR) == 1
    assert "1 audits recorded, 1 refused" in segqc.out


def test_recalibrate_from_a_table(segqc: Segqc, saved: CalibratedGate, cohort: Cohort) -> None:
    write_table(pd.concat([cohort(200), cohort(30, 1000)]), "new.csv")
    who = ("--calibration", "calibration", "--by", "bob", "--reason", "new scanner")
    assert segqc("recalibrate", "--features", "new.csv", *who, "--report", "r.html") == 0
    assert CalibratedGate.load("calibration").certificate.data["patients_known_before"] == 200
    assert Path("r.html").exists()
    assert segqc("recalibrate", "--features", "new.csv", *who[:-1], " ") == 1
    assert "a name and a reason" in segqc.err


def test_looking_again_counts_all_and_status_writes_the_report_from_the_folder_alone(
    segqc: Segqc, cohort: Cohort
) -> None:
    write_table(cohort(60), "first.csv")
    first = ("calibrate", "first.csv", "--out", "calibration", "--looks", "many")
    assert segqc(*first, "--report", "r1.html") == 0
    who = ("--calibration", "calibration", "--by", "bob", "--reason", "more references")
    write_table(pd.concat([cohort(60), cohort(60, 1000)]), "both.csv")
    Path("first.csv").unlink()
    assert segqc("status", "calibration", "--report", "again.html") == 0
    assert "Spent: 5% of error probability on each of 3 accept promises" in segqc.out
    pages = [Path(name).read_text() for name in ("r1.html", "again.html")]
    written = re.compile(r"\d{4}-\d\d-\d\d \d\d:\d\d")
    assert written.sub("", pages[0]) == written.sub("", pages[1])
    assert segqc("recalibrate", "--look-again", "--features", "both.csv", *who) == 0
    assert CalibratedGate.load("calibration").certificate.lineage["look"] == 2
    assert "Look 2 spends" in segqc.out


def test_review_lists_every_referred_case(
    segqc: Segqc, saved: CalibratedGate, cohort: Cohort
) -> None:
    write_table(cohort(30, 5000, empty=0.1), "new.csv")
    assert segqc("judge", "calibration", "new.csv", "--out", "v.csv") == 0
    verdicts = read_table("v.csv")
    referred = verdicts[(verdicts["structure"] == "whole_case") & ~verdicts["accept"]]
    for out in ("list.csv", "list.parquet", "list.html"):
        assert segqc("review", "v.csv", "--out", out) == 0
        assert f"{len(referred)} cases to look at" in segqc.out
    assert sorted(read_table("list.csv")["case_id"]) == sorted(referred["case_id"])


def test_review_says_where_to_look(segqc: Segqc, saved: CalibratedGate, cohort: Cohort) -> None:
    write_table(cohort(6, 5000, empty=1.0), "new.csv")
    assert segqc("judge", "calibration", "new.csv", "--out", "v.csv") == 0
    uncertainty = UncertaintyAccumulator({"anterior": 1, "posterior": 2}, (1.0, 1.0, 2.0))
    p = np.full((3, 8, 8, 6), 0.01)
    p[1, 2:6, 2:6, 2:5] = 0.8
    p[1, 2:6, 2:6, 3], p[2, 2:6, 2:6, 3] = 0.5, 0.4
    uncertainty.update(np.stack([1.0 - p[1] - p[2], p[1], p[2]]))
    Path("images").mkdir()
    for case in ("c5000", "c5001"):
        save_maps(uncertainty, Path("maps") / case)
        write_volume(f"images/{case}.nii.gz", p[1].astype(np.float32), np.diag([1, 1, 2.0, 1]))
    words = ("--images", "images", "--maps", "maps", "--structures", "anterior=1,posterior=2")
    assert segqc("review", "v.csv", "--out", "list.csv", *words, "--regions", "regions") == 0
    assert segqc.err.count("not shown: case c") == 4
    rows = read_table("list.csv")
    assert len(rows) == 6
    assert rows["worst_slice"].dropna().tolist() == [3, 3]
    assert rows["not_shown"].notna().sum() == 4
    assert Path("regions/c5001.nii.gz").exists()
    assert segqc("review", "v.csv", "--out", "list.html", *words) == 0
    assert "first 3" in Path("list.html").read_text("utf-8")
    for some in (words[:2], words[:4], ("--regions", "regions"), ("--masks", "images")):
        assert segqc("review", "v.csv", "--out", "list.csv", *some) == 1
        assert "--images, --maps and --structures together" in segqc.err
    assert segqc("review", "v.csv", "--out", "list.pdf", *words) == 1


def test_compare_ranks_predictors_on_patients_that_fitted_nothing(
    segqc: Segqc, cohort: Cohort
) -> None:
    table = cohort(60)
    write_table(table.assign(network=table["feature_agreement"]), "features.csv")
    write_voxel_errors("voxels.json", {"my map": VoxelErrors(1.0)})
    words = ("--predictor", "network", "--voxels", "voxels.json", "--out", "compare.json")
    assert segqc("compare", "features.csv", *words) == 0
    assert "network" in segqc.out
    found = json.loads(Path("compare.json").read_text())
    assert {row["method"] for row in found["numbers"]} >= {"agreement", "network", "combination"}
    assert list(found["voxels"]) == ["my map"]


def test_the_hashed_split_of_calibrate_is_that_of_the_library(segqc: Segqc, cohort: Cohort) -> None:
    table = cohort(50)
    write_table(table.sample(frac=1.0, random_state=3), "features.csv")
    assert segqc("calibrate", "features.csv", "--out", "calibration", "--seed", 5) == 0
    fit, calibration = split_patients(table["patient_id"], 5)
    data = CalibratedGate.load("calibration").certificate.data
    assert (data["patients_fit"], data["patients_calibration"]) == (len(fit), len(calibration))


def test_a_report_on_the_log_is_written(
    segqc: Segqc, saved: CalibratedGate, cohort: Cohort
) -> None:
    pytest.importorskip("evidently")
    judged_and_logged(segqc, cohort(60, 5000))
    assert segqc("monitor", "run", *MONITOR) == 0
    report = ("monitor", "report", *MONITOR, "--out", "drift.html")
    assert segqc(*report, "--masks", "masks") == 1
    assert "expected --images with --masks" in segqc.err
    assert segqc(*report, "--images", "images") == 1
    assert not Path("drift.html").exists()
    Path("images").mkdir()
    assert segqc(*report, "--images", "images") == 0
    assert "the folder of images has none of this case" in Path("drift.html").read_text("utf-8")
