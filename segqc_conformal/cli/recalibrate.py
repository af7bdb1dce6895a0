"""`segqc recalibrate`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from segqc_conformal.cli.options import ByOption, CalibrationOption, HashIdsOption, ReasonOption

if TYPE_CHECKING:
    import pandas as pd

    from segqc_conformal.case_log import CaseLog

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
        str | None,
        typer.Option(
            help="With --log: only cases logged after this case id, the `last_case` of the "
            "monitor run that raised the alarm or a later one."
        ),
    ] = None,
    hash_ids: HashIdsOption = None,
    look_again: Annotated[
        bool,
        typer.Option(
            "--look-again",
            help="The table holds the calibration patients of the last look and new ones of the "
            "same population; all are counted (needs `segqc calibrate --looks many`).",
        ),
    ] = False,
    weighted: Annotated[
        bool,
        typer.Option(
            "--weighted",
            help="Without new labels: weight the calibration patients towards the cases of the "
            "table. Approximate intervals; every case is referred until labels are there.",
        ),
    ] = False,
    cooldown_days: Annotated[
        int, typer.Option(help="Refuse so soon after the last recalibration; 0: never.")
    ] = 0,
    report: Annotated[
        Path | None, typer.Option(help="Report to write. Default: beside the folder.")
    ] = None,
) -> None:
    """Certify the gate anew on fresh labelled patients; the new version is in force at once.

    Patients that fitted or calibrated an earlier version are left out, unless you look again.
    Without labels (--weighted) the intervals are approximate and nothing is accepted.
    """
    from segqc_conformal.case_log import CaseLog, StoredIds
    from segqc_conformal.cli.tables import print_certificates
    from segqc_conformal.errors import InputError
    from segqc_conformal.features.table import read_table
    from segqc_conformal.further_look import look_again as look_again_at_all
    from segqc_conformal.recalibration import recalibrate as recalibrate_folder
    from segqc_conformal.reports.calibration_report import write_report
    from segqc_conformal.reweighting import reweight

    of_log = log is not None
    if (features is not None) == of_log or of_log != (since is not None) or (hash_ids and not log):
        raise InputError(
            "either --features, or --log with --since (and --hash-ids)",
            "another combination",
            "give one of them",
        )
    if sum((look_again, weighted, bool(cooldown_days))) > 1:
        raise InputError(
            "one of --look-again, --weighted and --cooldown-days", "several", "choose one of them"
        )
    if features is not None:
        table = read_table(features)
    else:
        with CaseLog(str(log), create=False, ids=StoredIds.from_file(hash_ids)) as case_log:
            table = (_all_cases if weighted else _audits)(case_log, str(since))
    if look_again:
        gate = look_again_at_all(calibration, table, by=by, reason=reason)
    elif weighted:
        gate = reweight(calibration, table, by=by, reason=reason)
    else:
        gate = recalibrate_folder(
            calibration, table, by=by, reason=reason, cooldown_days=cooldown_days
        )
    print_certificates(gate)
    path = report or calibration.parent / f"{calibration.name}-report.html"
    print(f"version {gate.id[:12]} is in force; report: {write_report(path, gate)}")


def _all_cases(log: CaseLog, since: str) -> pd.DataFrame:
    return log.feature_table(log.sequence_of(since))


def _audits(log: CaseLog, since: str) -> pd.DataFrame:
    from segqc_conformal.calibrators.checks import percent
    from segqc_conformal.random_audits import audits_since

    audits = audits_since(log, since)
    print(
        f"{audits.counted} of {audits.audited} audited cases count: those that bring accepted "
        f"and referred cases of every site to one rate, {percent(audits.rate)}"
    )
    return audits.table
