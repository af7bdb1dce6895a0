"""`segqc monitor`."""

from __future__ import annotations

import json
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer

from segqc_conformal.cli.options import CalibrationOption, LogOption

__all__ = ["monitor"]

monitor = typer.Typer(help="Watch whether new cases still look like the calibration cases.")


@monitor.command("run")
def run(
    log: LogOption,
    calibration: CalibrationOption,
    seed: Annotated[int, typer.Option(help="Seed of the watch; keep it from run to run.")] = 7,
    horizon: Annotated[int, typer.Option(help="Cases for which the bound is stated.")] = 10_000,
    false_alarm: Annotated[
        float, typer.Option(help="Chance of a false alarm within the horizon.")
    ] = 0.05,
    as_of: Annotated[
        datetime | None, typer.Option(help="Time of the run, for a repeat. Default: now.")
    ] = None,
    exit_zero: Annotated[
        bool, typer.Option("--exit-zero", help="Exit 0 on alarm and missing evidence too.")
    ] = False,
) -> None:
    """Read the log past its cursor and update the monitors; one JSON line on standard output.

    Exit codes: 0 ok, 1 error, 10 alarm, 11 not enough evidence.
    """
    from segqc_conformal.case_log import CaseLog
    from segqc_conformal.gate import CalibratedGate
    from segqc_conformal.monitors.run import run_monitors

    gate = CalibratedGate.load(calibration)
    now = datetime.now(UTC) if as_of is None else as_of.replace(tzinfo=as_of.tzinfo or UTC)
    with CaseLog(log, create=False) as case_log:
        result = run_monitors(
            case_log,
            gate.id,
            gate.profile,
            now,
            seed=seed,
            horizon=horizon,
            false_alarm=false_alarm,
        )
    print(json.dumps({"calibration": gate.id, "time": now.isoformat(), **asdict(result)}))
    raise typer.Exit(0 if exit_zero else result.exit_code)


@monitor.command("report")
def report(
    log: LogOption,
    calibration: CalibrationOption,
    out: Annotated[Path, typer.Option(help="HTML file to write.")] = Path("drift-report.html"),
) -> None:
    """Write the drift report: recent cases beside the calibration cases, with the evidence."""
    from segqc_conformal.case_log import CaseLog
    from segqc_conformal.gate import CalibratedGate
    from segqc_conformal.reports.logged_drift import write_logged_drift

    with CaseLog(log, create=False) as case_log:
        print(write_logged_drift(out, case_log, CalibratedGate.load(calibration)))
