import subprocess
import sys
import threading
import time
from datetime import UTC, datetime

import pytest

from segqc_conformal.case_log import CaseLog
from segqc_conformal.errors import BusyError

NOW = datetime(2026, 11, 23, 8, tzinfo=UTC)

HOLDS = """
import sys
from segqc_conformal.case_log import CaseLog
with CaseLog(sys.argv[1]) as log, log.only_run():
    print("held", flush=True)
    sys.stdin.read()
"""


def test_the_second_run_is_told_at_once_and_writers_are_not_kept_out(log_url: str) -> None:
    with CaseLog(log_url) as one, CaseLog(log_url) as two:
        with one.only_run():
            began = time.monotonic()
            with pytest.raises(BusyError, match="no other run"), two.only_run():
                raise AssertionError("two runs at once")
            assert time.monotonic() - began < 5.0
            two.record_event("note", {}, now=NOW)
        with two.only_run():
            pass


def test_a_run_that_waits_gets_its_turn(log_url: str) -> None:
    with CaseLog(log_url) as one, CaseLog(log_url) as two:
        held, order = threading.Event(), []

        def first() -> None:
            with one.only_run():
                held.set()
                time.sleep(0.5)
                order.append(1)

        thread = threading.Thread(target=first)
        thread.start()
        held.wait()
        with two.only_run(wait_s=60.0):
            order.append(2)
        thread.join()
    assert order == [1, 2]


def test_a_killed_run_lets_go(log_url: str) -> None:
    command = [sys.executable, "-c", HOLDS, log_url]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as child:
        assert child.stdout is not None
        assert child.stdout.readline() == "held\n"
        with CaseLog(log_url) as log:
            with pytest.raises(BusyError), log.only_run():
                raise AssertionError("two runs at once")
            child.kill()
            child.wait()
            with log.only_run(wait_s=60.0):
                pass


def test_an_error_inside_lets_go(log_url: str) -> None:
    with CaseLog(log_url) as log:
        with pytest.raises(ValueError, match="inside"), log.only_run():
            raise ValueError("inside")
        with log.only_run():
            pass
