"""Default runs connect to no other machine, whatever they start."""

import json
import os
import re
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from segqc_conformal.features.table import write_table
from segqc_conformal.gate import CalibratedGate

Cohort = Callable[..., pd.DataFrame]
ONE = ("--log", "sqlite:///log.db", "--calibration", "calibration")
CHAIN = (
    ("log", "add", "verdicts.parquet", "--features", "new.parquet", *ONE),
    ("monitor", "run", *ONE, "--prometheus", "segqc.prom"),
    ("audit", "next", *ONE, "--rate", "0.5", "--secret-seed", "1"),
    ("audit", "add", "answers.parquet", *ONE),
    ("monitor", "run", *ONE),
    ("monitor", "report", *ONE, "--workspace", "workspace"),
)
COMMANDS = """
import json, sys
from segqc_conformal.cli.app import main
for words in json.loads(sys.argv[1]):
    try:
        main(words)
    except SystemExit as stopped:
        print("exit", stopped.code)
"""
PROJECT = "Segmentation quality: anterior, posterior"
CONNECTS = "import socket; socket.create_connection(('192.0.2.1', 80), timeout=1)"


@contextmanager
def evidently_ui(environment: dict[str, str]) -> Iterator[Callable[[str], Any]]:
    """Open the workspace as docs/operations/README.md says; give a way to ask it."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    address = ("--workspace", "workspace", "--host", "127.0.0.1", "--port", str(port))
    server = subprocess.Popen(
        [sys.executable, "-m", "evidently.cli", "ui", *address],
        env={**environment, "DO_NOT_TRACK": "1"},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    asks = urllib.request.build_opener(urllib.request.ProxyHandler({}))

    def asked(path: str) -> Any:
        with asks.open(f"http://127.0.0.1:{port}{path}", timeout=20) as answer:
            assert answer.status == 200
            return json.loads(answer.read())

    try:
        started = time.monotonic()
        while True:
            try:
                asked("/api/version")
                break
            except OSError:
                assert server.poll() is None
                assert time.monotonic() - started < 60
                time.sleep(0.1)
        yield asked
    finally:
        server.terminate()
        server.wait(20)


def test_from_the_log_to_the_workspace_in_evidentlys_ui(
    gate: CalibratedGate,
    cohort: Cohort,
    guarded: Any,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(tmp_path)
    gate.save("calibration", by="ann", reason="first")
    new = cohort(120, 6000)
    new["feature_agreement"] *= 0.5
    write_table(new, "new.parquet")
    write_table(gate.judge(new), "verdicts.parquet")
    write_table(new[["case_id", "structure", "dice"]], "answers.parquet")
    done = guarded.python("-c", COMMANDS, json.dumps(CHAIN))
    exits = re.findall(r"^exit (\d+)$", done.stdout, re.MULTILINE)
    assert exits == ["0", "10", "0", "0", "10", "0"], done.stderr
    stored = [path for path in Path("workspace").rglob("*") if path.is_file()]
    assert {path.suffix for path in stored} == {".json"}
    assert not re.search(r"\bc?6[01]\d\d\b", "".join(path.read_text() for path in stored))
    with evidently_ui(guarded.environment) as asked:
        (project,) = asked("/api/projects")
        assert project["name"] == PROJECT
        (run,) = asked(f"/api/projects/{project['id']}/reports")
        assert run["tags"] == [f"calibration {gate.id[:12]}", "site A", "site B"]
        titles = [p["title"] for p in asked(f"/api/v2/dashboards/{project['id']}")["panels"]]
        assert titles == ["Share of drifted columns", "Log evidence", "Audited risk"]
    assert guarded.refused == []
    assert not [name for name in guarded.settings if "evidently" in name or "telemetry" in name]


@pytest.mark.parametrize(
    "code",
    [
        CONNECTS,
        f"import subprocess, sys; subprocess.run([sys.executable, '-c', {CONNECTS!r}])",
        "import socket; socket.getaddrinfo('example.org', 80)",
        "import socket; socket.socket(type=socket.SOCK_DGRAM).sendto(b'', ('192.0.2.1', 9))",
    ],
)
def test_what_connects_is_caught_in_children_of_children_too(guarded: Any, code: str) -> None:
    guarded.python("-c", code)
    (told,) = guarded.refused
    assert "192.0.2.1" in told or "example.org" in told


def test_loopback_and_unix_sockets_may_pass(guarded: Any, receiver: Any, tmp_path: Path) -> None:
    code = (
        "import socket, sys; a, b = socket.socketpair(); a.send(b'x');"
        "socket.create_connection(('localhost', int(sys.argv[1]))).close()"
    )
    done = guarded.python("-c", code, receiver.server_port)
    assert (done.returncode, guarded.refused) == (0, []), done.stderr
    assert os.environ.get("PYTHONPATH") != guarded.environment["PYTHONPATH"]


def test_without_do_not_track_evidently_would_have_told(guarded: Any) -> None:
    code = "from evidently.telemetry import event_logger; event_logger.send({}, use_daemon=False)"
    assert guarded.python("-c", code).returncode == 99
    assert guarded.refused
    assert "telemetry" in guarded.settings
