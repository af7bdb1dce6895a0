"""Every file in docs/operations: its syntax, its options, its metrics."""

import ast
import configparser
import hashlib
import re
import shutil
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import typer.main
import yaml

from segqc_conformal.case_log import LogCounts
from segqc_conformal.cli.app import app
from segqc_conformal.monitors.monitor_run import MonitorRun
from segqc_conformal.operations.prometheus import prometheus_text
from segqc_conformal.operations.webhook import SIGNATURE_HEADER, signature

FOLDER = Path(__file__).resolve().parents[2] / "docs" / "operations"
NOW = datetime(2026, 11, 23, 8, tzinfo=UTC)
CRON_FIELD = r"(?:\*|\d+)(?:-\d+)?(?:/\d+)?(?:,\d+)*"
CRON_LINE = re.compile(rf"(?:{CRON_FIELD} ){{5}}\S.*")
UNIT_KEYS = {
    "Unit": {"Description", "Documentation", "After", "Wants"},
    "Service": {
        "Type",
        "User",
        "WorkingDirectory",
        "Environment",
        "ExecStart",
        "SuccessExitStatus",
        "TimeoutStartSec",
        "NoNewPrivileges",
        "PrivateTmp",
        "ProtectSystem",
        "ProtectHome",
        "ReadWritePaths",
    },
    "Timer": {"OnCalendar", "Persistent", "RandomizedDelaySec", "Unit"},
    "Install": {"WantedBy"},
}


def text_of(name: str) -> str:
    return (FOLDER / name).read_text()


def unit(name: str) -> configparser.ConfigParser:
    parser = configparser.ConfigParser(interpolation=None)
    parser.optionxform = str  # type: ignore[assignment,method-assign]
    parser.read_string(text_of(name))
    return parser


def options_of_monitor_run() -> set[str]:
    group: Any = typer.main.get_command(app)
    run = group.commands["monitor"].commands["run"]
    return {name for option in run.params for name in option.opts if name.startswith("--")}


def test_every_file_is_named_in_the_page_and_nothing_else_is() -> None:
    files = {path.name for path in FOLDER.iterdir()} - {"README.md"}
    table = text_of("README.md").split("## Exit codes")[0]
    assert set(re.findall(r"`([\w-]+\.\w+)`", table)) == files


@pytest.mark.parametrize("name", ["segqc-monitor.service", "segqc-monitor.timer"])
def test_units_have_known_keys_only(name: str) -> None:
    found = unit(name)
    assert found.sections()
    for section in found.sections():
        assert set(found[section]) <= UNIT_KEYS[section]
    assert "[Unit]" in text_of(name)


def test_an_alarm_does_not_fail_the_unit_and_the_timer_starts_it() -> None:
    service = unit("segqc-monitor.service")["Service"]
    assert service["SuccessExitStatus"] == "10 11"
    assert "DO_NOT_TRACK=1" in service["Environment"]
    assert unit("segqc-monitor.timer")["Timer"]["Unit"] == "segqc-monitor.service"


def test_systemd_itself_accepts_the_units(tmp_path: Path) -> None:
    if shutil.which("systemd-analyze") is None:
        pytest.skip("systemd-analyze is not on this machine")
    program = tmp_path / "segqc"
    program.write_text("#!/bin/sh\n")
    program.chmod(0o755)
    paths = []
    for name in ("segqc-monitor.service", "segqc-monitor.timer"):
        paths.append(tmp_path / name)
        paths[-1].write_text(text_of(name).replace("/opt/segqc/bin/segqc", str(program)))
    found = subprocess.run(
        ["systemd-analyze", "verify", *paths], capture_output=True, text=True, check=False
    )
    said = [line for line in found.stderr.splitlines() if "segqc-monitor" in line]
    assert (found.returncode, said) == (0, [])


def test_the_crontab_has_five_fields_and_a_command() -> None:
    lines = [line for line in text_of("segqc.crontab").splitlines() if not line.startswith("#")]
    commands = [line for line in lines if not re.fullmatch(r"[A-Z]+=\S+", line)]
    (line,) = commands
    assert CRON_LINE.fullmatch(line)
    assert "%" not in line  # cron would end the line there
    assert not CRON_LINE.fullmatch("15 5 * * segqc monitor run")


def test_the_cron_job_says_what_kubernetes_needs() -> None:
    job = yaml.safe_load(text_of("kubernetes-cronjob.yaml"))
    assert (job["apiVersion"], job["kind"]) == ("batch/v1", "CronJob")
    assert job["spec"]["concurrencyPolicy"] == "Forbid"
    assert CRON_LINE.fullmatch(job["spec"]["schedule"] + " x")
    pod = job["spec"]["jobTemplate"]["spec"]["template"]["spec"]
    (container,) = pod["containers"]
    mounted = {each["name"] for each in container["volumeMounts"]}
    assert mounted == {each["name"] for each in pod["volumes"]}
    assert pod["restartPolicy"] == "Never"
    assert all(isinstance(each, str) for each in container["command"])
    assert {"name": "DO_NOT_TRACK", "value": "1"} in container["env"]


@pytest.mark.parametrize("name", ["airflow_dag.py", "prefect_flow.py"])
def test_python_snippets_compile_and_say_what_they_are(name: str) -> None:
    tree = ast.parse(text_of(name), name)
    compile(tree, name, "exec")
    assert ast.get_docstring(tree)


def test_a_prefect_flow_returns_fails_or_raises_by_the_exit_code(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # prefect is not installed here: its decorator is all that the flow takes from it
    code = text_of("prefect_flow.py").replace("from prefect import flow", "")
    code = code.replace('"/var/lib/segqc"', repr(str(tmp_path)))
    names: dict[str, Any] = {"flow": lambda name: lambda function: function, "__name__": "flow"}
    exec(compile(code, "prefect_flow.py", "exec"), names)
    for exit_code, out in ((0, '{"status": "ok"}'), (11, '{"status": "not_enough_evidence"}')):
        names["COMMAND"] = [sys.executable, "-c", f"print({out!r}); raise SystemExit({exit_code})"]
        assert names["monitor_run"]()["status"]
    alarm = '{"segments": [{"standing": {"state": "HARM"}}]}'
    for exit_code, out, said in ((10, alarm, "HARM"), (1, "", "wrong usage")):
        code = f"import sys; print({out!r}); print('wrong usage', file=sys.stderr)"
        names["COMMAND"] = [sys.executable, "-c", f"{code}; raise SystemExit({exit_code})"]
        with pytest.raises(RuntimeError, match=said):
            names["monitor_run"]()


def test_alert_rules_ask_for_metrics_and_states_that_are_written() -> None:
    rules = yaml.safe_load(text_of("prometheus-alerts.yaml"))
    written = prometheus_text(
        "f", MonitorRun("ok", 0, 0, 0, (), None, (), None), LogCounts(0, 0, 0), NOW
    )
    metrics = set(re.findall(r"^# TYPE (\w+)", written, re.MULTILINE))
    alerts = {}
    for group in rules["groups"]:
        for rule in group["rules"]:
            assert set(rule) <= {"alert", "expr", "for", "labels", "annotations"}
            assert set(re.findall(r"segqc_\w+", rule["expr"])) <= metrics
            alerts[rule["alert"]] = rule["expr"]
    assert len(alerts) == 5
    asked = re.findall(r'state="(\w+)"', " ".join(alerts.values()))
    assert sorted(asked) == ["HARM", "STALE", "WATCH"]
    assert "2 * 86400" in alerts["SegqcNoRun"]


def test_prometheus_itself_accepts_the_rules() -> None:
    if shutil.which("promtool") is None:
        pytest.skip("promtool is not on this machine")
    command = ["promtool", "check", "rules", str(FOLDER / "prometheus-alerts.yaml")]
    assert subprocess.run(command, check=False).returncode == 0


@pytest.mark.parametrize(
    "name", sorted(path.name for path in FOLDER.iterdir() if path.suffix not in {".md", ".timer"})
)
def test_every_option_exists(name: str) -> None:
    if name == "prometheus-alerts.yaml":
        known = {"--raised-rate"}
    else:
        known = options_of_monitor_run() | {"--now"}  # of systemctl
    told = set(re.findall(r"(?<![\w-])--[a-z][a-z-]*", text_of(name)))
    assert told <= known


def test_the_page_names_every_option_of_this_kind() -> None:
    page = text_of("README.md")
    for option in ("--wait", "--prometheus", "--webhook", "--webhook-secret-file", "--exit-zero"):
        assert option in options_of_monitor_run()
        assert option in page


def test_the_receivers_check_on_the_page_knows_our_signature() -> None:
    page = text_of("README.md")
    assert f"`{SIGNATURE_HEADER}`" in page
    (code,) = re.findall(r"```python\n(.*?)```", page, re.DOTALL)
    names: dict[str, Any] = {}
    exec(code, names)
    secret, body = b"sixteen bytes ok", b'{"id": "1"}'
    assert names["genuine"](body, signature(secret, body), secret)
    assert not names["genuine"](body + b" ", signature(secret, body), secret)
    assert not names["genuine"](body, "sha256=" + hashlib.sha256(body).hexdigest(), secret)
