"""`segqc status`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

__all__ = ["status"]


def status(
    calibration: Annotated[Path, typer.Argument(help="Calibration folder.")] = Path("calibration"),
    log: Annotated[
        str | None,
        typer.Option("--log", help="Case log whose monitors are told of too: a SQLAlchemy URL."),
    ] = None,
    report: Annotated[
        Path | None,
        typer.Option(help="Write the calibration report again, from the folder alone."),
    ] = None,
) -> None:
    """Tell which version is in force, whether its promises hold as far as is known, what was spent.

    Who switched when and why is told first; with --log also what the monitors found, what their
    settings mean in days at the pace of this log, and the ledger of all that may have gone wrong.
    """
    import pandas as pd

    from segqc_conformal.calibration_folder import CalibrationFolder
    from segqc_conformal.cli.standing_words import print_ledger, print_monitors, print_standings
    from segqc_conformal.cli.tables import print_frame, print_sentences
    from segqc_conformal.gate import CalibratedGate
    from segqc_conformal.recalibration import status as folder_status
    from segqc_conformal.reports.calibration_report import write_report

    state = folder_status(calibration)
    history = pd.DataFrame([vars(switch) for switch in state.history])
    history["version"] = history["version"].str[:12]
    versions = len(state.versions)
    counted = "1 version" if versions == 1 else f"{versions} versions"
    print_frame(history, f"{calibration}: {counted}, switches so far")
    print(f"\nIn force: {state.active[:12]}")
    for name, promise in state.promises.items():
        print_sentences(name, [promise["interval"], promise["accept"]])
    print_standings(CalibrationFolder(calibration).standings(state.active))
    if log is None:
        print(f"\n{state.spent}")
    else:
        print_monitors(calibration, log)
        print_ledger(calibration, log)
    if report is not None:
        print(f"report: {write_report(report, CalibratedGate.load(calibration))}")
