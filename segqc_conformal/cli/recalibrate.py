"""`segqc recalibrate`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from segqc_conformal.cli.options import ByOption, CalibrationOption, ReasonOption

__all__ = ["recalibrate"]


def recalibrate(
    calibration: CalibrationOption,
    by: ByOption,
    reason: ReasonOption,
    features: Annotated[
        Path | None,
        typer.Option(help="Feature table with dice, of cases drawn at random since the change."),
    ] = None,
    log: Annotated[
        str | None, typer.Option(help="Or: take the answered random audits of this case log.")
    ] = None,
    since: Annotated[
        int, typer.Option(help="With --log: only cases after this sequence number.")
    ] = 0,
    report: Annotated[
        Path | None, typer.Option(help="Report to write. Default: beside the folder.")
    ] = None,
) -> None:
    """Certify the gate anew on fresh labelled patients; the new version is in force at once.

    Patients that fitted or calibrated an earlier version are left out.
    """
    import pandas as pd

    from segqc_conformal.case_log import CaseLog
    from segqc_conformal.cli.tables import print_certificates
    from segqc_conformal.errors import InputError
    from segqc_conformal.features.table import read_table
    from segqc_conformal.recalibration import recalibrate as recalibrate_folder
    from segqc_conformal.reports.calibration_report import write_report

    if (features is None) == (log is None):
        raise InputError("either --features or --log", "both or neither", "give one of them")
    if features is not None:
        table = read_table(features)
    else:
        with CaseLog(str(log)) as case_log:
            table = pd.concat([case_log.audited(since), case_log.unaudited(since)])
    gate = recalibrate_folder(calibration, table, by=by, reason=reason)
    print_certificates(gate)
    path = report or calibration.parent / f"{calibration.name}-report.html"
    print(f"version {gate.id[:12]} is in force; report: {write_report(path, gate)}")
