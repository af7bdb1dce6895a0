"""`segqc log`."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer

from segqc_conformal.cli.options import CalibrationOption, HashIdsOption, LogOption

__all__ = ["log"]

log = typer.Typer(help="Keep verdicts: the record that monitors and audits need.")


@log.callback()
def _group() -> None:
    """Keep verdicts: the record that monitors and audits need."""


@log.command("add")
def add(
    verdicts: Annotated[Path, typer.Argument(help="Verdict table (.parquet, .csv).")],
    log: LogOption,
    calibration: CalibrationOption,
    features: Annotated[
        Path | None,
        typer.Option(help="Feature table of these cases; monitors and recalibration need it."),
    ] = None,
    hash_ids: HashIdsOption = None,
) -> None:
    """Add judged cases to the case log; cases that are there already stay as they are.

    With --hash-ids, ids of cases and patients are stored as salted hashes, in this log for good.

    Example: segqc log add verdicts.parquet --features features.parquet --log sqlite:///log.db
    --calibration calibration/
    """
    from segqc_conformal.case_log import CaseLog, StoredIds
    from segqc_conformal.errors import IdentityError, InputError
    from segqc_conformal.features.table import read_table
    from segqc_conformal.gate import CalibratedGate

    table, gate = read_table(verdicts), CalibratedGate.load(calibration)
    if "calibration" not in table:
        raise InputError(
            "a verdict table with the column calibration",
            f"columns {list(table.columns)[:14]}",
            "make it with `segqc judge`",
        )
    others = set(table["calibration"]) - {gate.id}
    if others:
        raise IdentityError(
            f"verdicts of version {gate.id[:12]}, in force in {calibration}",
            sorted(str(version)[:12] for version in others),
            "log verdicts before the version is switched, or judge again",
        )
    with CaseLog(log, ids=StoredIds.from_file(hash_ids)) as case_log:
        result = case_log.add(
            table,
            None if features is None else read_table(features),
            gate_patients=gate.patients,
        )
        case_log.keep_certificate(gate.certificate, now=datetime.now(UTC))
    print(
        f"{len(result.added)} cases added, {len(result.already_present)} already present, "
        f"{len(result.repeats)} of a patient known before"
    )
