"""Kill -9 at random moments: what is logged, noticed and in force afterwards is as if never killed.

``python benchmarks/fault_campaign.py --kills 1000`` forks children that add cases, draw and answer
audits, run the monitors, recalibrate and roll back, kills each at a random moment of its work,
looks at what it left, lets the work be done again, and compares with an uninterrupted run.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import signal
import sys
import tempfile
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from time import perf_counter, sleep
from typing import Any

os.environ.setdefault("OMP_NUM_THREADS", "1")

import numpy as np
import pandas as pd
from page import FOLDER, write_page
from sklearn.compose import make_column_transformer
from sklearn.linear_model import Ridge
from sklearn.pipeline import make_pipeline

from segqc_conformal.calibration_folder import CalibrationFolder
from segqc_conformal.case_log import CaseLog
from segqc_conformal.errors import CalibrationError
from segqc_conformal.monitors import run_monitors, watched
from segqc_conformal.quality_gate import QualityGate
from segqc_conformal.recalibration import recalibrate, rollback

FIGURES = FOLDER / "faults.json"
NOW = datetime(2027, 1, 1, tzinfo=UTC)
WHO = {"by": "campaign", "reason": "test"}
NEW_CASES = 60
STRUCTURES = ("anterior", "posterior")


def feature_table(patients: int, first: int) -> pd.DataFrame:
    """Return a labelled feature table of synthetic patients."""
    rng = np.random.default_rng(first)
    names = [f"{number:05d}" for number in range(first, first + patients)]
    ids = pd.MultiIndex.from_product([names, STRUCTURES]).to_frame(index=False)
    quality = rng.beta(8.0, 1.2, len(ids))
    return pd.DataFrame(
        {
            "case_id": "c" + ids[0],
            "patient_id": ids[0],
            "structure": ids[1],
            "site": "A",
            "time": pd.Timestamp("2026-01-01", tz="UTC")
            + pd.to_timedelta(ids[0].astype(int), unit="h"),
            "model_id": "m",
            "sampler_id": "s",
            "schema_version": "1",
            "judged": "fused",
            "failed": None,
            "dice": np.clip(quality + rng.normal(0.0, 0.02, len(ids)), 0.0, 1.0),
            "feature_agreement": quality,
            "feature_volume_ml": rng.lognormal(1.0, 0.3, len(ids)),
        }
    )


@dataclass(frozen=True)
class Place:
    """A log and a calibration folder, which every kill begins from anew."""

    url: str
    folder: Path


@dataclass(frozen=True)
class Work:
    """A piece of work that may be killed, and what must hold after it was, and after it is done."""

    do: Callable[[Place], None]
    half_done: Callable[[Place], None]
    seen: Callable[[Place], Any]


def gate_table() -> pd.DataFrame:
    """Return the 120 patients that the first version was made of."""
    return feature_table(120, 0)


def prepare(place: Place) -> None:
    """Calibrate, judge and log 60 cases, answer half of the audits, run the monitors once."""
    columns = make_column_transformer(("passthrough", ["feature_agreement"]))
    candidates = {"ridge": make_pipeline(columns, Ridge())}
    gate = QualityGate(tolerated_error=0.3).calibrate(gate_table(), candidates=candidates)
    folder = CalibrationFolder(place.folder)
    folder.add(gate, **WHO, now=NOW)
    recalibrate(place.folder, feature_table(40, 50_000), **WHO, now=NOW)
    rollback(place.folder, **WHO, now=NOW)
    table = feature_table(NEW_CASES, 1_000)
    with CaseLog(place.url) as log:
        log.add(gate.judge(table), table, gate_patients=gate.patients)
        log.draw_audits(0.5, 1, now=NOW)
        for case_id in log.pending_audits()["case_id"][::2]:
            _answer(log, case_id, table)
        run_monitors(log, watched(gate), NOW)


def _answer(log: CaseLog, case_id: str, table: pd.DataFrame) -> None:
    dice = table[table["case_id"] == case_id].set_index("structure")["dice"]
    log.add_audit(case_id, dice.to_dict(), now=NOW)


def add_cases(place: Place) -> None:
    """Judge and log 60 more cases, which look different: an alarm follows."""
    table = feature_table(NEW_CASES, 2_000)
    table["feature_agreement"] *= 0.5
    gate = CalibrationFolder(place.folder).load()
    with CaseLog(place.url) as log:
        log.add(gate.judge(table), table, gate_patients=gate.patients)
        log.keep_certificate(gate.certificate, now=NOW)


def answer_audits(place: Place) -> None:
    """Answer every audit that waits."""
    table = feature_table(NEW_CASES, 1_000)
    with CaseLog(place.url) as log:
        for case_id in log.pending_audits()["case_id"]:
            _answer(log, case_id, table)


def monitor(place: Place) -> None:
    """Run the monitors on what was added and answered."""
    folder = CalibrationFolder(place.folder)
    gate = folder.load()
    with CaseLog(place.url) as log:
        run_monitors(log, watched(gate), NOW, folder=folder)


def make_version(place: Place) -> None:
    """Recalibrate; where an earlier try had got as far as the switch, its patients are known."""
    try:
        recalibrate(place.folder, feature_table(40, 60_000), **WHO, now=NOW)
    except CalibrationError:
        if CalibrationFolder(place.folder).history()[-1].action != "recalibrate":
            raise


def go_back(place: Place) -> None:
    """Roll forward to the version that was rolled back, unless that is done."""
    folder = CalibrationFolder(place.folder)
    other = next(v for v in folder.versions() if v != folder.history()[0].version)
    if folder.active != other:
        rollback(place.folder, **WHO, to=other, now=NOW)


def log_is_whole(place: Place) -> None:
    """Check that nothing is half in the log: numbers without gaps, rows for every case."""
    with CaseLog(place.url) as log:
        cases, rows = log.cases_after(), log.stream_rows()
        assert cases["sequence"].tolist() == list(range(1, len(cases) + 1))
        assert cases["case_id"].is_unique
        assert (rows.groupby("case_id").size() == len(STRUCTURES) + 1).all()
        assert rows["case_id"].nunique() == len(cases)
        audited = log.audited()
        assert (audited.groupby("case_id")["dice"].count() == len(STRUCTURES)).all()
        for version in CalibrationFolder(place.folder).versions():
            numbers = log.answers_after(0, version)["answer_number"]
            assert numbers.is_unique


def verdicts_are_told(place: Place) -> None:
    """Check that the log has no change of state that verdicts do not tell yet."""
    log_is_whole(place)
    folder = CalibrationFolder(place.folder)
    with CaseLog(place.url) as log:
        events = log.events()
    changes = events.loc[events["kind"] == "state_changed", "detail"]
    if len(changes):
        assert folder.standings(folder.active)[0].state == changes.iloc[-1]["after"]


def folder_is_whole(place: Place) -> None:
    """Check that every version and the one in force can be loaded."""
    folder = CalibrationFolder(place.folder)
    for version in [*folder.versions(), folder.active]:
        folder.load(version)
    folder.certificates()


def seen_in_log(place: Place) -> Any:
    """Return what the log holds, in a form that can be compared."""
    with CaseLog(place.url) as log:
        audited = log.audited().sort_values(["sequence", "structure"])
        return {
            "cases": log.cases_after().to_csv(),
            "rows": log.stream_rows().to_csv(),
            "audits": audited[["sequence", "structure", "dice", "probability"]].to_csv(),
            "pending": log.pending_audits().to_csv(),
            "states": {v: vars(s) for v, s in log.monitor_states("version").items()},
            "events": log.events()[["kind", "detail"]].to_csv(),
            "certificates": log.certificates().to_csv(),
            "ledger": log.ledger().to_csv(),
        }


def seen_in_folder(place: Place) -> Any:
    """Return the versions, the one in force, and the switches without their times."""
    folder = CalibrationFolder(place.folder)
    switches = [(each.action, each.version) for each in folder.history()]
    standings = {version: str(folder.standings(version)) for version in folder.versions()}
    return {"versions": folder.versions(), "switches": switches, "standings": standings}


WORK = {
    "log add": Work(add_cases, log_is_whole, seen_in_log),
    "audit add": Work(answer_audits, log_is_whole, seen_in_log),
    "monitor run": Work(
        monitor, verdicts_are_told, lambda place: (seen_in_log(place), seen_in_folder(place))
    ),
    "recalibrate": Work(make_version, folder_is_whole, seen_in_folder),
    "rollback": Work(go_back, folder_is_whole, seen_in_folder),
}
BEFORE = {"monitor run": (add_cases, answer_audits)}


@dataclass
class Sqlite:
    """Copies of a template in a folder."""

    root: Path

    def template(self) -> Place:
        """Return where the template is made."""
        return self._at("template")

    def _at(self, name: str) -> Place:
        return Place(f"sqlite:///{self.root / name / 'log.db'}", self.root / name / "calibration")

    def copy(self, source: Place, name: str) -> Place:
        """Copy a place."""
        place = self._at(name)
        shutil.rmtree(place.folder.parent, ignore_errors=True)
        shutil.copytree(source.folder.parent, place.folder.parent)
        return place


@dataclass
class Postgres:
    """The same with the logs in databases of a server, made of one another."""

    root: Path
    server: str  # folder of its socket

    def template(self) -> Place:
        """Return where the template is made."""
        return self._new("template", "template0")

    def _new(self, name: str, source: str) -> Place:
        import psycopg

        database = f"faults_{name}"
        with psycopg.connect(
            host=self.server, user="segqc", dbname="postgres", autocommit=True
        ) as connection:
            connection.execute(f"DROP DATABASE IF EXISTS {database} WITH (FORCE)")
            connection.execute(f"CREATE DATABASE {database} TEMPLATE {source}")
        url = f"postgresql+psycopg://segqc@/{database}?host={self.server}"
        return Place(url, self.root / name / "calibration")

    def copy(self, source: Place, name: str) -> Place:
        """Copy a place."""
        database = source.url.split("/")[3].split("?")[0]
        place = self._new(name, database)
        shutil.rmtree(place.folder.parent, ignore_errors=True)
        shutil.copytree(source.folder.parent, place.folder.parent)
        return place


def in_child(do: Callable[[Place], None], place: Place, kill_after: float | None) -> bool:
    """Do it in a forked child; return whether it was killed."""
    child = os.fork()
    if child == 0:
        try:
            do(place)
        except BaseException as error:
            print(f"{type(error).__name__}: {error}", file=sys.stderr, flush=True)
            os._exit(1)
        os._exit(0)
    if kill_after is not None:
        sleep(kill_after)
        os.kill(child, signal.SIGKILL)
    _, status = os.waitpid(child, 0)
    killed = os.WIFSIGNALED(status)
    assert killed or os.WEXITSTATUS(status) == 0
    return killed


def campaign(places: Sqlite | Postgres, kills: int, seed: int, work: list[str]) -> dict[str, Any]:
    """Kill each kind of work at random moments; return how often, and that all was as it should be.

    Raises
    ------
    AssertionError
        Where something was lost, doubled or half done.
    """
    rng = np.random.default_rng(seed)
    template = places.template()
    template.folder.parent.mkdir(parents=True, exist_ok=True)
    prepare(template)  # in this process: children then have every import loaded
    starts, wanted, lasts = {}, {}, {}
    for name in dict.fromkeys(work):
        starts[name] = places.copy(template, f"start_{name.replace(' ', '_')}")
        for first in BEFORE.get(name, ()):
            first(starts[name])
        WORK[name].do(places.copy(starts[name], "done"))
        done = places.copy(starts[name], "done")
        begin = perf_counter()
        in_child(WORK[name].do, done, None)
        lasts[name] = perf_counter() - begin
        wanted[name] = json.dumps(WORK[name].seen(done), default=str)
    counts: Counter[str] = Counter()
    for number in range(kills):
        name = work[number % len(work)]
        place = places.copy(starts[name], "victim")
        killed = in_child(WORK[name].do, place, rng.uniform(0.0, lasts[name]))
        WORK[name].half_done(place)
        in_child(WORK[name].do, place, None)
        WORK[name].half_done(place)
        assert json.dumps(WORK[name].seen(place), default=str) == wanted[name], name
        counts[f"{name}, {'killed' if killed else 'done before the kill'}"] += 1
    return dict(counts)


def main() -> None:
    """Run the campaign on SQLite, or on a PostgreSQL server."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--kills", type=int, default=1_000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--postgres", help="folder of the socket of a PostgreSQL server")
    parser.add_argument("--work", nargs="+", choices=list(WORK), default=list(WORK))
    parser.add_argument("--write", action="store_true", help="keep the counts, write the docs")
    options = parser.parse_args()
    begin = perf_counter()
    with tempfile.TemporaryDirectory() as name:
        root = Path(name)
        places = Postgres(root, options.postgres) if options.postgres else Sqlite(root)
        counts = campaign(places, options.kills, options.seed, options.work)
    seconds = round(perf_counter() - begin)
    print(json.dumps({"kills": options.kills, **counts}, indent=1))
    print(f"nothing lost, nothing twice, all loadable; {seconds} s")
    if options.write:
        figures = json.loads(FIGURES.read_text()) if FIGURES.is_file() else {}
        database = "PostgreSQL" if options.postgres else "SQLite"
        figures[database] = {"kills": options.kills, "seconds": seconds, "counts": counts}
        FIGURES.write_text(json.dumps(figures, indent=1) + "\n")
        write_page()


if __name__ == "__main__":
    main()
