"""A disk that is full: what failed changed nothing, and the same command finishes later."""

import json
import resource
import shutil
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from sqlalchemy import Engine, event

from segqc_conformal.calibration_folder import CalibrationFolder
from segqc_conformal.case_log import CaseLog
from segqc_conformal.gate import CalibratedGate

Cohort = Callable[..., pd.DataFrame]
LOG = "sqlite:///log.db"
AT = ("--log", LOG, "--calibration", "calibration")
RECALIBRATE = ("recalibrate", "--calibration", "calibration", "--by", "ann", "--reason", "x")


@contextmanager
def full_database() -> Iterator[None]:
    """Let no database file grow."""

    def limit(connection: Any, _: Any) -> None:
        connection.execute("PRAGMA max_page_count = 1")  # SQLite takes the size it has

    event.listen(Engine, "connect", limit)
    try:
        yield
    finally:
        event.remove(Engine, "connect", limit)


@contextmanager
def no_file_above(size: int) -> Iterator[None]:
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def in_log(folder: Path) -> list[str]:
    with closing(sqlite3.connect(folder / "log.db")) as connection:
        return list(connection.iterdump())


def in_folder(folder: str | Path) -> dict[str, bytes]:
    files = (path for path in Path(folder).rglob("*") if path.is_file())
    return {str(path): path.read_bytes() for path in files}


def judged(gate: CalibratedGate, table: pd.DataFrame) -> None:
    gate.judge(table).to_parquet("verdicts.parquet")
    table.to_parquet("features.parquet")


def outcome(folder: Path, found: str) -> Any:
    with CaseLog(f"sqlite:///{folder}/log.db") as log:
        audited = log.audited()[["sequence", "structure", "dice", "probability"]]
        rows = [log.cases_after().to_csv(), log.stream_rows().to_csv(), audited.to_csv()]
        spent = log.ledger().drop(columns="time").to_csv()
    segments = [
        (each["standing"]["state"], each["log_evidence"], each["evidence"])
        for each in json.loads(found)["segments"]
    ]
    return rows, spent, segments


def test_a_full_database_changes_nothing_and_the_same_commands_finish_later(
    segqc: Any,
    gate: CalibratedGate,
    cohort: Cohort,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    table = cohort(40, 8000)
    judged(gate, table)
    everything = pd.concat([cohort(60, 5000, empty=0.03), cohort(120, 6000), table])
    everything[["case_id", "structure", "dice"]].to_csv("answers.csv", index=False)
    add = ("log", "add", "verdicts.parquet", "--features", "features.parquet", *AT)
    draw = ("audit", "next", "--rate", 0.5, "--secret-seed", 1, *AT)
    answer, run = ("audit", "add", "pending.csv", *AT), ("monitor", "run", *AT)
    control = tmp_path / "control"
    with CaseLog(LOG) as log:
        log.draw_audits(0.5, 1, now=pd.Timestamp.now("UTC").to_pydatetime())
        pending = log.pending_audits()["case_id"]
    answers = everything[everything["case_id"].isin(pending)]
    answers[["case_id", "structure", "dice"]].to_csv("pending.csv", index=False)
    shutil.copytree(tmp_path, control)
    for command in (add, answer, run):
        log_before, folder_before = in_log(tmp_path), in_folder("calibration")
        with full_database():
            assert segqc(*command) == 1, command
        assert "FileFormatError: expected a case log that can be opened, read and" in segqc.err
        assert "database or disk is full" in segqc.err
        if command is not answer:  # of these each case is a transaction of its own
            assert in_log(tmp_path) == log_before
        if command is not run:
            assert in_folder("calibration") == folder_before
        assert segqc(*command) in (0, 10)
        if command is add:
            assert segqc(*draw) == 0  # so few rows that they may fit
    found = outcome(tmp_path, segqc.out)
    monkeypatch.chdir(control)
    for command in (add, draw, answer, run):
        assert segqc(*command) in (0, 10)
    assert found == outcome(control, segqc.out)


def test_a_full_disk_leaves_the_old_verdicts_whole(segqc: Any, cohort: Cohort) -> None:
    cohort(10, 8000).to_parquet("one.parquet")
    cohort(300, 8000).to_csv("many.csv", index=False)
    for name in ("verdicts.parquet", "verdicts.csv"):
        assert segqc("judge", "calibration", "one.parquet", "--out", name) == 0
        old = Path(name).read_bytes()
        with no_file_above(1_000):
            assert segqc("judge", "calibration", "many.csv", "--out", name) == 1
        assert "FileFormatError: expected paths that can be read and written" in segqc.err
        assert "disk space" in segqc.err
        assert Path(name).read_bytes() == old
        assert not list(Path().glob(".*"))
    assert segqc("judge", "calibration", "many.csv", "--out", name) == 0
    assert len(pd.read_csv(name)) == 900


def test_a_full_disk_leaves_the_old_calibration_in_force(
    segqc: Any, gate: CalibratedGate, cohort: Cohort
) -> None:
    cohort(60, 1000).to_parquet("fresh.parquet")
    report = Path("calibration-report.html")
    report.write_text("old")
    old = in_folder("calibration")
    sizes = {len(content) for content in old.values()}
    for size in (100, 30_000):
        with no_file_above(size):
            assert segqc(*RECALIBRATE, "--features", "fresh.parquet") == 1
        assert "disk space" in segqc.err
        assert in_folder("calibration") == old
        assert CalibratedGate.load("calibration").id == gate.id
    # the report does not fit: the new version is in force, the old report as it was
    with no_file_above(2 * max(sizes)):
        assert segqc(*RECALIBRATE, "--features", "fresh.parquet") == 1
    assert "disk space" in segqc.err
    assert report.read_text() == "old"
    assert not list(Path().rglob(".*"))
    assert CalibrationFolder("calibration").history()[-1].action == "recalibrate"
    assert segqc("status", "calibration", "--report", report) == 0
    assert report.read_text() != "old"


def test_a_first_calibration_that_does_not_fit_can_be_done_again(
    segqc: Any, cohort: Cohort
) -> None:
    cohort(45, 1000).to_parquet("labelled.parquet")
    command = ("calibrate", "labelled.parquet", "--out", "new")
    with no_file_above(10_000):
        assert segqc(*command) == 1
    assert "disk space" in segqc.err
    assert in_folder("new") == {}
    assert segqc("judge", "new", "labelled.parquet", "--out", "v.csv") == 1
    assert "expected a calibration folder with a file ACTIVE" in segqc.err
    assert segqc(*command) == 0
    assert segqc("judge", "new", "labelled.parquet", "--out", "v.csv") == 0


def test_verdicts_are_never_behind_a_log_that_is_full(segqc: Any) -> None:
    run = ("monitor", "run", *AT, "--prometheus", "segqc.prom")
    Path("segqc.prom").write_text("old\n")
    with no_file_above(Path("log.db").stat().st_size // 2):
        assert segqc(*run) == 1
    assert "expected a case log that can be opened, read and written" in segqc.err
    assert Path("segqc.prom").read_text() == "old\n"
    with CaseLog(LOG) as log:  # it may have got as far as saying that the monitors begin
        assert {state.cursor for state in log.monitor_states("version").values()} <= {0}
        assert log.events().empty
    assert [each.state for each in CalibratedGate.load("calibration").standings] in ([], ["WATCH"])
    assert segqc(*run) == 10
    assert "segqc_cases_total 180" in Path("segqc.prom").read_text()


def test_metrics_that_do_not_fit_are_told_of_and_written_by_the_next_run(
    segqc: Any, gate: CalibratedGate, cohort: Cohort, postgres_url: str
) -> None:
    table = cohort(40, 8000)
    with CaseLog(postgres_url) as log:
        log.add(gate.judge(table), table, gate_patients=gate.patients)
    Path("segqc.prom").write_text("old\n")
    run = ("monitor", "run", "--log", postgres_url, "--calibration", "calibration")
    with no_file_above(1_100):
        assert segqc(*run, "--prometheus", "segqc.prom") == 1
    assert "segqc.prom" in segqc.err or "too large" in segqc.err
    assert Path("segqc.prom").read_text() == "old\n"
    assert segqc(*run, "--prometheus", "segqc.prom") == 0
    assert "segqc_cases_total 40" in Path("segqc.prom").read_text()
    with no_file_above(20_000):
        assert segqc("monitor", "report", *run[2:], "--out", "segqc.prom") == 1
    assert "segqc_cases_total 40" in Path("segqc.prom").read_text()
    assert not list(Path().glob(".*"))
