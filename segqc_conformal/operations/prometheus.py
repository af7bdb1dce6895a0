"""What a run found, as a text file for the textfile collector of Prometheus."""

from __future__ import annotations

import math
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import get_args

from segqc_conformal.case_log import LogCounts
from segqc_conformal.monitors.monitor_run import MonitorRun, SegmentFound
from segqc_conformal.replaced_file import replaced_at_once
from segqc_conformal.standing import StateName

__all__ = ["prometheus_text", "write_prometheus"]

Sample = tuple[dict[str, str], float]


def write_prometheus(
    path: Path, version: str, run: MonitorRun, counts: LogCounts, now: datetime
) -> None:
    """Write `prometheus_text` so that a reader sees the old or the new file, never half of one."""
    with replaced_at_once(path) as temporary:
        temporary.write_text(prometheus_text(version, run, counts, now), encoding="utf-8")


def prometheus_text(version: str, run: MonitorRun, counts: LogCounts, now: datetime) -> str:
    """Return the figures of a run in the text format of Prometheus.

    Parameters
    ----------
    version : str
        Id of the calibration in force.
    run : MonitorRun
    counts : LogCounts
    now : datetime
        When the run ended, by the clock of this machine.

    Notes
    -----
    Guarantee: none statistical. Labels are version, segment, monitor and state; no id of a case,
    patient or stratum.
    """
    segments = run.segments
    return "".join(
        (
            _metric("segqc_cases_total", "counter", "Cases in the log.", [({}, counts.cases)]),
            _metric(
                "segqc_state",
                "gauge",
                "1 for the state a segment is in, 0 for the others.",
                [each for segment in segments for each in _states(segment)],
            ),
            _metric(
                "segqc_log_evidence",
                "gauge",
                "Log evidence of a monitor; it alarms at the log of 1 over its false alarm.",
                [each for segment in segments for each in _evidence(segment)],
            ),
            _metric(
                "segqc_audits_pending",
                "gauge",
                "Audits drawn and not answered.",
                [({}, counts.audits_pending)],
            ),
            _metric(
                "segqc_audits_overdue",
                "gauge",
                "Audits not answered in time.",
                [({}, counts.audits_overdue)],
            ),
            _metric(
                "segqc_last_run_timestamp_seconds",
                "gauge",
                "End of the last run that succeeded.",
                [({}, now.timestamp())],
            ),
            _metric(
                "segqc_calibration_info",
                "gauge",
                "The calibration in force.",
                [({"version": version}, 1)],
            ),
        )
    )


def _states(segment: SegmentFound) -> Iterator[Sample]:
    standing = segment.standing
    for state in get_args(StateName):
        yield {"segment": standing.segment, "state": state}, float(state == standing.state)


def _evidence(segment: SegmentFound) -> Iterator[Sample]:
    name = segment.standing.segment
    yield {"segment": name, "monitor": "watch"}, segment.log_evidence
    for promise, found in segment.evidence.items():
        # an audited monitor has none before its first bet
        if isinstance(found, dict) and found.get("log_evidence") is not None:
            yield {"segment": name, "monitor": promise.replace(" ", "_")}, found["log_evidence"]


def _metric(name: str, kind: str, told: str, samples: list[Sample]) -> str:
    lines = [f"# HELP {name} {told}", f"# TYPE {name} {kind}"]
    for labels, value in samples:
        inside = ",".join(f'{label}="{_escaped(text)}"' for label, text in labels.items())
        lines.append(f"{name}{'{' + inside + '}' if inside else ''} {_number(value)}")
    return "\n".join(lines) + "\n"


def _escaped(text: str) -> str:
    r"""Return a label value as the format wants it.

    Examples
    --------
    >>> print(_escaped('site "A"'))
    site \"A\"
    """
    return text.replace("\\", r"\\").replace('"', r"\"").replace("\n", r"\n")


def _number(value: float) -> str:
    if math.isinf(value):
        return "+Inf" if value > 0 else "-Inf"
    return str(int(value)) if value == int(value) else repr(float(value))
