"""Folders that may only be read: who only reads goes on, who writes is told so."""

import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pandas as pd
import pytest

from segqc_conformal.case_log import CaseLog
from segqc_conformal.case_log.engine import open_engine, reading
from segqc_conformal.errors import BusyError
from segqc_conformal.gate import CalibratedGate
from segqc_conformal.recalibration import recalibrate

Cohort = Callable[..., pd.DataFrame]
NOBODY = 65534
# The first commands run with every right, so that all is imported when the others run without.
CHILD = f"""
import contextlib, io, json, os, sys
from segqc_conformal.cli.app import main

def ran(words):
    out, err = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        try:
            main(words)
        except SystemExit as stop:
            code = stop.code
    return code, out.getvalue(), err.getvalue()

first, then = json.loads(sys.argv[1])
os.chdir("first")
for words in first:
    ran(words)
os.chdir("../then")
for path, _, _ in os.walk("."):
    os.chmod(path, 0o755 if path.startswith("./mine") else 0o555)
if os.geteuid() == 0:
    for path in ("mine", "mine/log.db"):
        os.chown(path, {NOBODY}, {NOBODY})
    os.setgroups([])
    os.setgid({NOBODY})
    os.setuid({NOBODY})
print(json.dumps([ran(words) for words in then]))
"""
AT = ("--log", "sqlite:///log.db", "--calibration", "calibration")
BY = ("--by", "ann", "--reason", "x")
STATUS = ("status", "calibration", "--log", "sqlite:///log.db")
JUDGE = ("judge", "calibration", "features.csv", "--out", "mine/verdicts.csv")
RUN = ("monitor", "run", *AT)
READS = {"judge": JUDGE, "status": STATUS}
WRITES = {
    "log add": ("log", "add", "verdicts.csv", *AT),
    "audit next": ("audit", "next", "--rate", "0.5", "--secret-seed", "1", *AT),
    "audit add": ("audit", "add", "answers.csv", *AT),
    "monitor run": RUN,
    "recalibrate": ("recalibrate", "--calibration", "calibration", "--features", "fresh.csv", *BY),
    "rollback": ("rollback", "--calibration", "calibration", *BY),
}
OTHER_LOG = ("--log", "sqlite:///mine/log.db", "--calibration", "calibration")
AWAY = {"monitor run on a log of its own": ("monitor", "run", *OTHER_LOG)}


@pytest.fixture
def place() -> Iterator[Path]:
    """Give a folder that everybody may enter, which is not so of those of pytest."""
    folder = Path(tempfile.mkdtemp(prefix="segqc-"))
    folder.chmod(0o755)
    yield folder
    for path, _, _ in os.walk(folder):
        Path(path).chmod(0o755)
    shutil.rmtree(folder)


def bytes_of(folder: Path) -> dict[str, bytes]:
    files = (path for path in folder.rglob("*") if path.is_file() and path.parent.name != "mine")
    return {str(path.relative_to(folder)): path.read_bytes() for path in files}


def test_reading_goes_on_and_writing_says_what_is_missing_and_changes_nothing(
    gate: CalibratedGate, cohort: Cohort, place: Path
) -> None:
    first = place / "first"
    gate.save(first / "calibration", by="ann", reason="first")
    gate = recalibrate(first / "calibration", cohort(40, 8000), by="ann", reason="second")
    new, fresh = cohort(30, 5000), cohort(40, 9000)
    new.to_csv(first / "features.csv", index=False)
    fresh.to_csv(first / "fresh.csv", index=False)
    gate.judge(cohort(30, 7000)).to_csv(first / "verdicts.csv", index=False)
    new[["case_id", "structure", "dice"]].to_csv(first / "answers.csv", index=False)
    (first / "mine").mkdir()
    with CaseLog(f"sqlite:///{first}/log.db") as log:
        log.add(gate.judge(new), new, gate_patients=gate.patients)
    shutil.copy(first / "log.db", first / "mine" / "log.db")
    shutil.copytree(first, place / "then")
    before = bytes_of(place / "then")
    orders = {**READS, **WRITES, **AWAY}
    command = [sys.executable, "-c", CHILD, json.dumps([list(orders.values())] * 2)]
    child = subprocess.run(command, capture_output=True, text=True, check=False, cwd=place)
    assert child.returncode == 0, child.stderr
    found = dict(zip(orders, json.loads(child.stdout), strict=True))
    for name in READS:
        assert found[name][0] == 0, found[name]
    assert "accept promises, look 1" in found["status"][1]
    assert len(pd.read_csv(place / "then/mine/verdicts.csv")) == 90
    for name in (*WRITES, *AWAY):
        code, _, error = found[name]
        assert code == 1, name
        assert "Error: " in error, name
        assert "remedy: " in error, name
    for name in ("log add", "audit next", "audit add"):
        assert "readonly database" in found[name][2]
    for name in ("recalibrate", "rollback", *AWAY):
        assert "Permission denied" in found[name][2]
        assert "check path, disk space and permissions" in found[name][2]
    assert bytes_of(place / "then") == before
    with CaseLog(f"sqlite:///{place}/then/mine/log.db") as log:
        # nothing is in the log that verdicts were not told
        assert {state.cursor for state in log.monitor_states("version").values()} <= {0}
        assert log.events().empty


def test_a_log_that_is_written_while_it_is_read_as_it_stands_is_not_believed(
    gate: CalibratedGate, cohort: Cohort, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    url = f"sqlite:///{tmp_path}/log.db"
    with CaseLog(url) as log:
        log.add(gate.judge(cohort(3, 5000)))
    with monkeypatch.context() as patched:
        patched.setattr(os, "access", lambda *_: False)
        engine = open_engine(url)
    with reading(engine) as connection:
        assert connection.exec_driver_sql("SELECT count(*) FROM cases").scalar() == 3

    def read_beside_a_writer() -> None:
        with reading(engine) as connection:
            connection.exec_driver_sql("SELECT count(*) FROM cases")
            with CaseLog(url) as log:
                log.add(gate.judge(cohort(3, 6000)))

    with pytest.raises(BusyError, match=r"log\.db, which was written meanwhile"):
        read_beside_a_writer()
    engine.dispose()
