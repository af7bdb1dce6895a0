import math
import re
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from segqc_conformal.case_log import LogCounts
from segqc_conformal.monitors.monitor_run import MonitorRun, SegmentFound
from segqc_conformal.operations.prometheus import prometheus_text, write_prometheus
from segqc_conformal.standing import Standing, StateName

NOW = datetime(2026, 11, 23, 8, tzinfo=UTC)
SAMPLE = re.compile(r"([a-z_]+)(?:\{(.*)\})? (\S+)")
LABEL = re.compile(r'([a-z_]+)="((?:[^"\\\n]|\\["\\n])*)"(?:,|$)')
ESCAPES = {r"\\": "\\", r"\"": '"', r"\n": "\n"}


def parsed(text: str) -> dict[str, dict[tuple[tuple[str, str], ...], float]]:
    """Read the text format strictly: HELP and TYPE, then samples of that one metric."""
    found: dict[str, dict[tuple[tuple[str, str], ...], float]] = {}
    assert text.endswith("\n")
    for block in text.split("# HELP ")[1:]:
        told, kind, *samples = block.removesuffix("\n").split("\n")
        name = told.split(" ")[0]
        assert kind in (f"# TYPE {name} gauge", f"# TYPE {name} counter")
        assert name not in found
        found[name] = {}
        for line in samples:
            match = SAMPLE.fullmatch(line)
            assert match is not None, line
            assert match[1] == name
            labels = LABEL.findall(match[2] or "")
            assert "".join(f'{label}="{value}",' for label, value in labels)[:-1] == (
                match[2] or ""
            )
            key = tuple(
                (label, re.sub(r"\\.", lambda each: ESCAPES[each[0]], value))
                for label, value in labels
            )
            assert key not in found[name]
            found[name][key] = float(match[3])
    return found


def segment(name: str, state: StateName, log_evidence: float, **evidence: Any) -> SegmentFound:
    standing = Standing(name, None, state, None, ("x changed at about case c17",), False)
    return SegmentFound(standing, 10, log_evidence, None, "c17", (), 1, evidence)


def run_of(*segments: SegmentFound) -> MonitorRun:
    return MonitorRun("alarm", 5, 0, 1, (("c18", "no verdict"),), "c19", segments, None)


def test_what_was_found_can_be_read_back() -> None:
    audited = {"accepted error": {"log_evidence": 2.5, "audits": 3}}
    segments = (
        segment("all", "WATCH", 3.25, watch=3.25, **audited, miscoverage={"log_evidence": None}),
        segment('site "A"\\B\nC', "OK", -math.inf),
    )
    text = prometheus_text("f00d", run_of(*segments), LogCounts(120, 4, 1), NOW)
    found = parsed(text)
    assert found["segqc_cases_total"] == {(): 120}
    assert found["segqc_audits_pending"] == {(): 4}
    assert found["segqc_audits_overdue"] == {(): 1}
    assert found["segqc_last_run_timestamp_seconds"] == {(): NOW.timestamp()}
    assert found["segqc_calibration_info"] == {(("version", "f00d"),): 1}
    states = found["segqc_state"]
    assert len(states) == 10
    assert {key for key, value in states.items() if value} == {
        (("segment", "all"), ("state", "WATCH")),
        (("segment", 'site "A"\\B\nC'), ("state", "OK")),
    }
    assert found["segqc_log_evidence"] == {
        (("segment", "all"), ("monitor", "watch")): 3.25,
        (("segment", "all"), ("monitor", "accepted_error")): 2.5,
        (("segment", 'site "A"\\B\nC'), ("monitor", "watch")): -math.inf,
    }
    assert not any(each in text for each in ("c17", "c18", "c19", "accepted/A"))


def test_the_reader_of_the_format_is_strict() -> None:
    for wrong in ('# HELP a b\n# TYPE a gauge\na{b="c} 1\n', "# HELP a b\n# TYPE a gauge\nb 1\n"):
        with pytest.raises(AssertionError):
            parsed(wrong)


def test_the_file_is_replaced_at_once_and_left_alone_by_an_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "segqc.prom"
    write_prometheus(path, "f00d", run_of(), LogCounts(1, 0, 0), NOW)
    before = path.read_text()
    assert [each.name for each in tmp_path.iterdir()] == ["segqc.prom"]

    def full(*_: object, **__: object) -> None:
        raise OSError("no space left")

    monkeypatch.setattr(Path, "write_text", full)
    with pytest.raises(OSError, match="no space"):
        write_prometheus(path, "f00d", run_of(), LogCounts(2, 0, 0), NOW)
    assert path.read_text() == before
    # what was left does not end in .prom, so no collector reads it
    assert not [each for each in tmp_path.glob("*.prom") if each != path]
