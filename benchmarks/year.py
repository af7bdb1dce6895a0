"""A year at 10,000 cases a day: does a case cost the same on the last day as on the first?

``python benchmarks/year.py`` judges, logs, audits and watches 3.65 million cases in daily batches
on SQLite, and prints what each month took. ``--write`` keeps the figures (year.json) and writes
docs/benchmarks.md. Times are processor times of this process, so that other work on the machine
does not count.
"""

from __future__ import annotations

import argparse
import json
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from time import process_time
from typing import Any

import numpy as np
import pandas as pd
from markdown_table import table
from page import FOLDER, write_page
from sklearn.compose import make_column_transformer
from sklearn.linear_model import Ridge
from sklearn.pipeline import make_pipeline
from year_page import STEPS, row_of

import segqc_conformal as sq
from segqc_conformal.case_log import CaseLog
from segqc_conformal.monitors.monitor_settings import MonitorSettings
from segqc_conformal.monitors.run import run_monitors, saved_monitor
from segqc_conformal.monitors.segments import watched

START = datetime(2027, 1, 1, tzinfo=UTC)
SITES = ("A", "B", "C")
LABELLED = 600  # patients, half of whom calibrate
AUDIT_RATE = 0.005
DAYS_OF_A_MONTH = 30


def cases(day: int, number: int) -> pd.DataFrame:
    """Return the cases of a day, each of a patient of its own; four features and one structure."""
    rng = np.random.default_rng([2027, day + 1])
    quality = rng.beta(8.0, 1.2, number)
    ids = [f"d{day:03d}-{place:05d}" for place in range(number)]
    features = {
        "feature_agreement": quality,
        "feature_noise": rng.normal(size=number),
        "feature_entropy": 1.0 - quality + rng.normal(0.0, 0.1, number),
        "feature_volume_ml": rng.lognormal(1.0, 0.3, number),
    }
    dice = np.clip(quality + rng.normal(0.0, 0.02 + 0.1 * (1.0 - quality)), 0.0, 1.0)
    names = {"model_id": "m", "sampler_id": "s", "schema_version": "1", "judged": "deployed"}
    return pd.DataFrame(
        {
            "case_id": ids,
            "patient_id": [f"p-{name}" for name in ids],
            "structure": "lesion",
            "site": rng.choice(SITES, number),
            "time": START + timedelta(days=day),
            **names,
            "failed": None,
            "dice": dice,
            **features,
        }
    )


def calibrated() -> sq.CalibratedGate:
    """Calibrate a gate whose quality predictor is a ridge regression."""
    seen = make_column_transformer(("passthrough", ["feature_agreement", "feature_entropy"]))
    candidates = {"ridge": make_pipeline(seen, Ridge())}
    return sq.QualityGate().calibrate(cases(-1, LABELLED), candidates=candidates)


class Year:
    """The case log of a year, and the processor time that each step of a day takes."""

    def __init__(self, folder: Path, gate: sq.CalibratedGate, a_day: int, days: int) -> None:
        self.gate, self.watched, self.a_day = gate, watched(gate), a_day
        self.file = folder / "log.db"
        self.log = CaseLog(f"sqlite:///{self.file}")
        self.settings = MonitorSettings(horizon=a_day * days, audit_horizon=20_000)
        self.seconds: dict[str, float] = {}

    @contextmanager
    def _timed(self, step: str) -> Iterator[None]:
        begin = process_time()
        yield
        self.seconds[step] = process_time() - begin

    def day(self, number: int) -> dict[str, Any]:
        """Let a day pass; return its times, and what log and state have come to take."""
        new, now = cases(number, self.a_day), START + timedelta(days=number, hours=20)
        dice = new.set_index("case_id")["dice"]
        with self._timed("judge"):
            verdicts = self.gate.judge(new)
        with self._timed("log"):
            self.log.add(verdicts, new.drop(columns="dice"))
        with self._timed("audit"):
            for case in self.log.draw_audits(AUDIT_RATE, secret_seed=3, now=now)["case_id"]:
                self.log.add_audit(case, {"lesion": float(dice[case])}, now=now)
        with self._timed("watch"):
            run = run_monitors(self.log, self.watched, now, self.settings)
        state = saved_monitor(self.log, self.watched)
        assert (run.new_cases, state is None) == (self.a_day, False)
        size = sum(each.stat().st_size for each in self.file.parent.glob("log.db*"))
        return {**self.seconds, "log_bytes": size, "state_bytes": len(state.to_json())}


def months(days: list[dict[str, Any]], a_day: int) -> list[dict[str, float]]:
    """Average the days of each month: microseconds and bytes per case, bytes of the state."""
    found, before = [], 0
    for first in range(0, len(days), DAYS_OF_A_MONTH):
        part = days[first : first + DAYS_OF_A_MONTH]
        number = len(part) * a_day
        found.append(
            {
                "cases": first * a_day + number,
                **{step: sum(day[step] for day in part) / number * 1e6 for step in STEPS},
                "bytes": (part[-1]["log_bytes"] - before) / number,
                "state_bytes": max(day["state_bytes"] for day in part),
            }
        )
        before = part[-1]["log_bytes"]
    return found


def measured(days: int, a_day: int, folder: Path) -> dict[str, Any]:
    """Let the days pass."""
    gate = calibrated()
    year = Year(folder, gate, a_day, days)
    passed = []
    for number in range(days):
        passed.append(year.day(number))
        if (number + 1) % DAYS_OF_A_MONTH == 0:
            print(f"day {number + 1} of {days}", flush=True)
    monitor = saved_monitor(year.log, year.watched)
    assert monitor is not None
    (segment,) = monitor
    streams = list(segment.watch.streams)
    year.log.close()
    return {
        "days": days,
        "a_day": a_day,
        "streams": streams,
        "audits": monitor.answers,
        "state": segment.state,
        "log_bytes": passed[-1]["log_bytes"],
        "months": months(passed, a_day),
    }


def main() -> None:
    """Measure, print, and with ``--write`` keep the figures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--days", type=int, default=365)
    parser.add_argument("--a-day", type=int, default=10_000)
    parser.add_argument("--write", action="store_true")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        found = measured(options.days, options.a_day, Path(name))
    print(table(("cases so far", *STEPS, "bytes", "state"), map(row_of, found["months"])))
    print(f"state {found['state']} after {found['audits']} audits")
    if options.write:
        (FOLDER / "year.json").write_text(json.dumps(found, indent=1) + "\n")
        write_page()


if __name__ == "__main__":
    main()
