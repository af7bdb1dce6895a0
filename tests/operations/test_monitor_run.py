"""`segqc monitor run` with everything that it may tell other systems."""

import json
import re
from pathlib import Path
from typing import Any

import pandas as pd

from segqc_conformal.case_log import CaseLog

LOG = "sqlite:///log.db"
SECRET = "a secret of more than sixteen bytes"
RUN = ("monitor", "run", "--log", LOG, "--calibration", "calibration")
AS_OF = ("--as-of", "2026-11-23T08:00:00")


def test_one_slot_run_twice_is_told_once_and_found_once(segqc: Any, receiver: Any) -> None:
    run = (*RUN, *AS_OF, "--webhook", receiver.url, "--webhook-secret-file", "secret")
    assert segqc(*run, "--prometheus", "out/segqc.prom") == 10
    assert segqc.err == ""
    first = json.loads(segqc.out)
    with CaseLog(LOG) as log:
        events = log.events()
    assert segqc(*run, "--prometheus", "out/segqc.prom") == 10
    again = json.loads(segqc.out)
    assert (again["segments"], again["new_cases"]) == (first["segments"], 0)
    with CaseLog(LOG) as log:
        pd.testing.assert_frame_equal(log.events(), events)
    ((_, body),) = receiver.requests
    told = json.loads(body)
    assert (told["data"]["before"], told["data"]["after"]) == ("OK", "WATCH")
    assert not re.search(r"\bc\d{4}\b", body.decode())
    text = Path("out/segqc.prom").read_text()
    assert 'segqc_state{segment="all",state="WATCH"} 1\n' in text
    assert "segqc_cases_total 180\n" in text
    assert f'segqc_calibration_info{{version="{first["calibration"]}"}} 1\n' in text


def test_a_webhook_that_fails_changes_no_exit_code_and_is_told_later(
    segqc: Any, receiver: Any
) -> None:
    run = (*RUN, "--webhook", receiver.url, "--webhook-secret-file", "secret")
    receiver.answers = [503]
    assert segqc(*run) == 10
    assert json.loads(segqc.out)["status"] == "alarm"
    assert "answer 503" in segqc.err
    assert SECRET not in segqc.err
    assert segqc(*run) == 10
    assert segqc.err == ""
    assert len(receiver.requests) == 1  # not due yet


def test_without_a_webhook_nobody_is_told_of_what_happened_meanwhile(
    segqc: Any, receiver: Any
) -> None:
    assert segqc(*RUN) == 10
    assert segqc(*RUN, "--webhook", receiver.url, "--webhook-secret-file", "secret") == 10
    assert receiver.requests == []


def test_wrong_usage_of_the_webhook_is_an_error_before_anything_runs(segqc: Any) -> None:
    for words in (
        ("--webhook", "http://127.0.0.1:9/"),
        ("--webhook-secret-file", "secret"),
        ("--webhook", "http://127.0.0.1:9/", "--webhook-secret-file", "missing"),
        ("--webhook", "telnet://127.0.0.1", "--webhook-secret-file", "secret"),
    ):
        assert segqc(*RUN, *words) == 1
        assert segqc.out == ""
        assert "Error: " in segqc.err
    with CaseLog(LOG) as log:
        assert log.events().empty


def test_two_runs_at_once_do_not_both_work(segqc: Any) -> None:
    with CaseLog(LOG) as log, log.only_run():
        assert segqc(*RUN) == 1
        assert segqc.out == ""
        assert "BusyError: expected no other run" in segqc.err
        assert segqc(*RUN, "--wait", 0.3) == 1
        assert log.events().empty
    assert segqc(*RUN, "--wait", 0.3) == 10
