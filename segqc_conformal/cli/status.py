"""`segqc status`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

__all__ = ["status"]


def status(
    calibration: Annotated[Path, typer.Argument(help="Calibration folder.")] = Path("calibration"),
    report: Annotated[
        Path | None,
        typer.Option(help="Write the calibration report again, from the folder alone."),
    ] = None,
) -> None:
    """Tell which version is in force, what it promises and spent, and who switched when and why."""
    import pandas as pd

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
    print(f"\n{state.spent}")
    if report is not None:
        print(f"report: {write_report(report, CalibratedGate.load(calibration))}")
