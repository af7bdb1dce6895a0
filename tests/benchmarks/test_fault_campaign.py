"""Children are killed while they write; another process does it, as this one has threads."""

import subprocess
import sys
from pathlib import Path

import pytest

SCRIPT = Path(__file__).parents[2] / "benchmarks" / "fault_campaign.py"
LOGGED = ["log add", "audit add", "monitor run"]

# state and events in two transactions, as they must not be
TWIN = """
import sys, tempfile
from pathlib import Path
from time import sleep
sys.path.insert(0, sys.argv[1])
import fault_campaign
from segqc_conformal.case_log import log as log_module

commit = log_module.CaseLog.commit_monitor

def in_two_parts(self, *arguments, events=(), **named):
    commit(self, *arguments, **named)
    sleep(1.0)
    for event in events:
        self.record_event(event.kind, event.detail, now=named["now"])

log_module.CaseLog.commit_monitor = in_two_parts
with tempfile.TemporaryDirectory() as name:
    places = fault_campaign.Sqlite(Path(name))
    fault_campaign.campaign(places, 12, 0, ["monitor run"])
"""


def ran(*words: object) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, *map(str, words)]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def test_nothing_is_lost_or_doubled_by_200_kills() -> None:
    found = ran(SCRIPT, "--kills", 200, "--work", *LOGGED * 3, "recalibrate", "rollback")
    assert found.returncode == 0, found.stderr
    assert '"log add, killed"' in found.stdout
    assert "nothing lost, nothing twice, all loadable" in found.stdout


def test_nothing_is_lost_or_doubled_by_20_kills_on_postgresql(postgres_server: str) -> None:
    found = ran(SCRIPT, "--kills", 20, "--postgres", postgres_server, "--work", *LOGGED)
    assert found.returncode == 0, found.stderr
    assert "nothing lost, nothing twice" in found.stdout


def test_events_in_a_transaction_of_their_own_are_caught() -> None:
    found = ran("-c", TWIN, SCRIPT.parent)
    assert found.returncode == 1
    assert "AssertionError: monitor run" in found.stderr


def test_only_known_work_is_taken() -> None:
    with pytest.raises(subprocess.CalledProcessError):
        ran(SCRIPT, "--work", "sweep").check_returncode()
