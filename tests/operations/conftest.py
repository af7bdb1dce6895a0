"""A receiver of webhooks on loopback, and a hospital whose cases changed."""

import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from segqc_conformal.case_log import CaseLog
from segqc_conformal.cli.app import main
from segqc_conformal.gate import CalibratedGate

Cohort = Callable[..., pd.DataFrame]
SECRET = "a secret of more than sixteen bytes"
LOG = "sqlite:///log.db"


class Receiver(HTTPServer):
    """Keep every request; answer with `answers` in turn, then with 204."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.requests: list[tuple[dict[str, str], bytes]] = []
        self.answers: list[int] = []
        self.url = f"http://127.0.0.1:{self.server_port}/hook"


class _Handler(BaseHTTPRequestHandler):
    server: Receiver

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.server.requests.append((dict(self.headers), body))
        self.send_response(self.server.answers.pop(0) if self.server.answers else 204)
        self.send_header("Location", "/elsewhere")
        self.end_headers()

    def do_GET(self) -> None:
        self.server.requests.append(({}, b"GET"))
        self.send_response(204)
        self.end_headers()

    def log_message(self, *_: Any) -> None:
        pass


@pytest.fixture
def receiver(monkeypatch: pytest.MonkeyPatch) -> Iterator[Receiver]:
    """Start a receiver; its url is that of the webhook."""
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    server = Receiver()
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield server
    server.shutdown()
    thread.join()
    server.server_close()


class Segqc:
    """Run `segqc`; keep what it printed."""

    def __init__(self, capsys: pytest.CaptureFixture[str]) -> None:
        self._capsys, self.out, self.err = capsys, "", ""

    def __call__(self, *words: object) -> Any:
        with pytest.raises(SystemExit) as stopped:
            main([str(word) for word in words])
        self.out, self.err = self._capsys.readouterr()
        return stopped.value.code


@pytest.fixture
def segqc(
    capsys: pytest.CaptureFixture[str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    gate: CalibratedGate,
    cohort: Cohort,
) -> Segqc:
    """Log cases that were judged after a change."""
    monkeypatch.chdir(tmp_path)
    gate.save("calibration", by="ann", reason="first")
    Path("secret").write_text(SECRET + "\n")
    new = pd.concat([cohort(60, 5000, empty=0.03), cohort(120, 6000)], ignore_index=True)
    new.loc[new["case_id"] >= "c6000", "feature_agreement"] *= 0.5
    with CaseLog(LOG) as log:
        log.add(gate.judge(new), new, gate_patients=gate.patients)
    return Segqc(capsys)
