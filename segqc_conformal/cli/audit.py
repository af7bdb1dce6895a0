"""`segqc audit`."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer

from segqc_conformal.cli.options import CalibrationOption, HashIdsOption, LogOption

__all__ = ["audit"]

audit = typer.Typer(help="Draw cases to audit at random, and bring their reference Dice back.")


@audit.command("next")
def next_cases(
    log: LogOption,
    calibration: CalibrationOption,
    rate: Annotated[
        float, typer.Option(help="Probability with which each new case is drawn, in (0, 1].")
    ],
    secret_seed: Annotated[
        int, typer.Option(help="Decides the draw; keep it from those who segment.")
    ],
    referred_rate: Annotated[
        float | None, typer.Option(help="Probability for referred cases. Default: --rate.")
    ] = None,
    raised_rate: Annotated[
        float | None,
        typer.Option(help="Smallest probability where WATCH or HARM is open. Default: not raised."),
    ] = None,
    out: Annotated[
        Path | None, typer.Option(help="Write the list of pending audits here too.")
    ] = None,
    hash_ids: HashIdsOption = None,
    cases: Annotated[
        Path | None,
        typer.Option(
            help="With --hash-ids: table of case_id (.parquet, .csv), such as the verdicts that "
            "were added; its ids are shown in place of their hashes."
        ),
    ] = None,
) -> None:
    """Draw the next cases to audit: each new case of a stratum with the same probability.

    A stratum is a decision and a site. Only such audits move the monitors and may recalibrate.
    Prints every pending audit.
    """
    from segqc_conformal.calibration_folder import CalibrationFolder
    from segqc_conformal.case_log import AuditRates, CaseLog, StoredIds
    from segqc_conformal.cli.tables import print_frame
    from segqc_conformal.features.table import read_table, write_table
    from segqc_conformal.monitors.audit_plan import audit_plan

    folder = CalibrationFolder(calibration)
    folder.history()
    plan = audit_plan(AuditRates(rate, referred_rate), raised_rate, folder.standings)
    ids = StoredIds.from_file(hash_ids)
    given: list[str] = [] if cases is None else list(read_table(cases)["case_id"].unique())
    with CaseLog(log, create=False, ids=ids) as case_log:
        drawn = case_log.draw_audits(plan, secret_seed, now=datetime.now(UTC))
        pending = case_log.pending_audits()
    pending["case_id"] = pending["case_id"].replace({ids.case(name): name for name in given})
    if out is not None:
        write_table(pending, out)
    print_frame(pending[["case_id", "stratum", "time", "probability"]], "Audits to do")
    print(f"{len(drawn)} cases drawn now, {len(pending)} pending in all")


@audit.command("add")
def add(
    log: LogOption,
    calibration: CalibrationOption,
    answers: Annotated[
        Path | None,
        typer.Argument(
            show_default=False, help="Table of case_id, structure, dice (.parquet, .csv)."
        ),
    ] = None,
    references: Annotated[
        Path | None, typer.Option(help="In place of a table: reference masks, CASE.nii.gz.")
    ] = None,
    masks: Annotated[
        Path | None, typer.Option(help="With --references: the deployed masks, CASE.nii.gz.")
    ] = None,
    structures: Annotated[
        str | None, typer.Option(help="With --references: labels, anterior=1,posterior=2.")
    ] = None,
    reference_kind: Annotated[
        str, typer.Option(help="How the reference masks were made: expert, edited, ...")
    ] = "expert",
    hash_ids: HashIdsOption = None,
) -> None:
    """Bring the Dice of audited cases back; bad answers are listed, the rest is kept.

    A table says the Dice, or it is measured on the masks in --references and --masks.
    Where the log hashes ids, cases may stand in the table by their hash, or with --hash-ids as
    they were given.
    """
    from segqc_conformal.calibration_folder import CalibrationFolder
    from segqc_conformal.case_log import CaseLog, StoredIds
    from segqc_conformal.cli.audit_answers import answered_cases
    from segqc_conformal.errors import FileFormatError, InputError

    CalibrationFolder(calibration).history()
    answered, refused = answered_cases(answers, references, masks, structures)
    added = 0
    with CaseLog(log, create=False, ids=StoredIds.from_file(hash_ids)) as case_log:
        for case_id, dice in answered.items():
            try:
                case_log.add_audit(case_id, dice, reference_kind, now=datetime.now(UTC))
                added += 1
            except FileFormatError:  # of the log itself: what follows would fail alike
                raise
            except InputError as error:
                refused.append(str(error))
    print(f"{added} audits recorded, {len(refused)} refused")
    for message in refused:
        typer.echo(message, err=True)
    if refused:
        raise typer.Exit(1)
