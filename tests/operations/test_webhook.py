import hashlib
import hmac
import json
import socket
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from segqc_conformal.case_log import CaseLog, Event, SavedMonitor
from segqc_conformal.errors import InputError
from segqc_conformal.operations.webhook import Webhook, deliver

SECRET = b"0123456789abcdef"
NOW = datetime(2026, 11, 23, 8, tzinfo=UTC)
COUNTS = {"audits": 24, "losses": 6.0, "waiting": 4, "overdue": 2}
DETAIL = {
    "calibration": "f00d",
    "segment": "all",
    "before": "OK",
    "after": "WATCH",
    "reasons": ["x changed at about case Mueller^Anna, noticed at case 7"],
    "evidence": {
        "watch": 3.2,
        "accepted error": {
            "state": "OK",
            "log_evidence": -0.5,
            **COUNTS,
            "sites": {"St. Anna": {"audits": 12}, "B": {"audits": 12}},
        },
    },
}


def note(log: CaseLog, *events: Event, cursor: int = 1, notify: bool = True) -> None:
    previous = log.monitor_state("version", "f00d")
    saved = SavedMonitor(cursor, "{}")
    log.commit_monitor(
        "version", "f00d", saved, previous=previous, events=events, now=NOW, notify=notify
    )


CHANGED = Event("state_changed", DETAIL)
REQUESTED = Event("recalibration_requested", {**DETAIL, "after": "HARM"})


def test_each_change_is_sent_once_signed_and_in_order(log_url: str, receiver: Any) -> None:
    with CaseLog(log_url) as log:
        note(log, CHANGED, Event("cases_skipped", {"cases": {"c1": "no mask"}}), REQUESTED)
        hook = Webhook(receiver.url, SECRET)
        assert deliver(log, hook, NOW) == []
        assert deliver(log, hook, NOW) == []
    told = [json.loads(body) for _, body in receiver.requests]
    assert [each["type"] for each in told] == [
        "segqc.state_changed",
        "segqc.recalibration_requested",
    ]
    assert len({each["id"] for each in told}) == 2
    headers, body = receiver.requests[0]
    expected = hmac.new(SECRET, body, hashlib.sha256).hexdigest()
    assert headers["X-Segqc-Signature"] == f"sha256={expected}"
    assert headers["Content-Type"] == "application/cloudevents+json"
    assert told[0]["time"] == "2026-11-23T08:00:00.000000Z"
    assert told[0]["data"] == {
        "calibration": "f00d",
        "segment": "all",
        "before": "OK",
        "after": "WATCH",
        "counts": {"accepted error": {"audits": 24, "losses": 6, "waiting": 4, "overdue": 2}},
    }
    assert not any(name in body for name in (b"Mueller", b"Anna", b"c1"))


def test_what_is_not_taken_is_sent_again_with_the_same_key(log_url: str, receiver: Any) -> None:
    hook = Webhook(receiver.url, SECRET)
    receiver.answers = [500, 204, 302]
    with CaseLog(log_url) as log:
        note(log, CHANGED, REQUESTED)
        (said,) = deliver(log, hook, NOW)
        assert "answer 500" in said
        assert "at attempt 1" in said
        assert len(receiver.requests) == 2
        assert deliver(log, hook, NOW + timedelta(seconds=59)) == []
        assert len(receiver.requests) == 2
        # a redirect is no delivery, and it is not followed
        assert "answer 302" in deliver(log, hook, NOW + timedelta(seconds=60))[0]
        assert deliver(log, hook, NOW + timedelta(seconds=179)) == []
        assert deliver(log, hook, NOW + timedelta(seconds=180)) == []
        assert deliver(log, hook, NOW + timedelta(days=9)) == []
    ids = [json.loads(body)["id"] for _, body in receiver.requests]
    assert ids == [ids[0], ids[1], ids[0], ids[0]]
    assert ids[0] != ids[1]


def test_nobody_there_costs_one_time_out_and_loses_nothing(log_url: str, receiver: Any) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))  # bound, but nobody listens
        silent = Webhook(f"http://127.0.0.1:{taken.getsockname()[1]}/", SECRET)
        with CaseLog(log_url) as log:
            note(log, CHANGED, REQUESTED)
            problems = deliver(log, silent, NOW)
            assert len(problems) == 1
            assert "refused" in problems[0]
            later = NOW
            for _ in range(15):
                later += timedelta(days=1)
                deliver(log, silent, later)
            # the longest wait is a day, however often it failed
            assert deliver(log, Webhook(receiver.url, SECRET), later + timedelta(days=1)) == []
    assert len(receiver.requests) == 2


def test_a_receiver_that_hangs_is_given_up(log_url: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as deaf, CaseLog(log_url) as log:
        note(log, CHANGED)
        hook = Webhook(f"http://127.0.0.1:{deaf.getsockname()[1]}/", SECRET, timeout_s=0.2)
        assert "timed out" in deliver(log, hook, NOW)[0]


def test_a_death_between_sending_and_recording_sends_again_with_the_same_key(
    log_url: str, receiver: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    def dies(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    hook = Webhook(receiver.url, SECRET)
    with CaseLog(log_url) as log:
        note(log, CHANGED)
        with monkeypatch.context() as patch:
            patch.setattr(CaseLog, "record_delivery", dies)
            with pytest.raises(KeyboardInterrupt):
                deliver(log, hook, NOW)
        assert deliver(log, hook, NOW) == []
        assert deliver(log, hook, NOW) == []
    first, second = (body for _, body in receiver.requests)
    assert first == second


def test_without_a_webhook_nothing_is_put_down(log_url: str, receiver: Any) -> None:
    with CaseLog(log_url) as log:
        note(log, CHANGED, notify=False)
        assert log.due_notices(NOW) == []
        with pytest.raises(InputError, match="another run"):
            log.commit_monitor(
                "version",
                "f00d",
                SavedMonitor(9, "{}"),
                previous=None,
                events=[CHANGED],
                now=NOW,
                notify=True,
            )
        # the monitor's commit was refused, so nobody is told either
        assert log.due_notices(NOW) == []
        assert len(log.events()) == 1


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (lambda: Webhook("ftp://host/x", SECRET), "begins with http"),
        (lambda: Webhook("https:///x", SECRET), "begins with http"),
        (lambda: Webhook("https://host/x", b"short"), "received 5 bytes"),
    ],
)
def test_wrong_settings_are_refused(make: Callable[[], Webhook], said: str) -> None:
    with pytest.raises(InputError, match=said):
        make()


def test_the_secret_is_not_shown() -> None:
    assert "0123" not in repr(Webhook("https://host/x", SECRET))
