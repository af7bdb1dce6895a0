"""Places outside the images: the folder of results, the disk, the case log, the calibration."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

from segqc_conformal.doctor.finding import Complaint, Finding, complaint_of
from segqc_conformal.errors import SegqcError, on_one_line

if TYPE_CHECKING:
    from segqc_conformal.gate import CalibratedGate

__all__ = [
    "calibrated_on_training",
    "foreign_calibration",
    "full_disk",
    "unreachable_log",
    "unreadable_calibration",
    "unwritable_folder",
]

_FREE_BYTES = 2_000_000_000
_WAIT_S = 10


def unwritable_folder(folder: Path) -> Finding:
    """Find folders of results into which this account may not write.

    Examples
    --------
    >>> unwritable_folder(Path(tempfile.gettempdir()) / "results").level
    'ok'
    """
    there = _existing(folder)
    try:
        with tempfile.TemporaryFile(dir=there):
            return Finding("ok", "results", f"{folder} can be written")
    except OSError as error:
        return Complaint(
            "problem",
            f"a folder that can be written, {there}",
            on_one_line(error),
            "choose another folder, or give this account the permission",
        ).about("results")


def full_disk(folder: Path) -> list[Finding]:
    """Find disks with less than 2 GB free where results would lie.

    Notes
    -----
    Guarantee: none.
    """
    free = shutil.disk_usage(_existing(folder)).free
    if free >= _FREE_BYTES:
        return []
    return [
        Complaint(
            "warning",
            f"{_FREE_BYTES / 1e9:g} GB free for results in {folder}",
            f"{free / 1e9:.2f} GB",
            "free some space: a run that fails there is resumed, but not before",
        ).about("disk")
    ]


def _existing(folder: Path) -> Path:
    path = folder.absolute()
    while not path.exists():
        path = path.parent
    return path


def unreachable_log(url: str) -> Finding:
    """Find case logs whose database cannot be reached, or whose file is none.

    Notes
    -----
    Reads only: tables are neither made nor upgraded. Waits 10 seconds for PostgreSQL.
    Guarantee: none.
    """
    from sqlalchemy import create_engine, inspect
    from sqlalchemy.engine import make_url
    from sqlalchemy.exc import ArgumentError, DBAPIError, NoSuchModuleError

    try:
        address = make_url(url)
        shown = address.render_as_string(hide_password=True)
        sqlite = address.get_backend_name() == "sqlite"
        if sqlite and not Path(address.database or "").exists():
            folder = unwritable_folder(Path(address.database or "").parent)
            said = f"{shown}: none yet; {folder.message}"
            return Finding(folder.level, "case log", said)
        waits = {} if sqlite else {"connect_timeout": _WAIT_S}
        engine = create_engine(address, connect_args=waits)
        tables = len(inspect(engine).get_table_names())
        engine.dispose()
    except DBAPIError as error:
        received, remedy = error.orig, "check the address, the permissions, and that it runs"
    except (ArgumentError, NoSuchModuleError, ModuleNotFoundError) as error:
        received, remedy = error, "correct the URL, or install the driver that it names"
    else:
        return Finding("ok", "case log", f"{shown}: reached, {tables} tables")
    said = " ".join(str(received).split())
    return Complaint("problem", "a case log that can be opened", said, remedy).about("case log")


def unreadable_calibration(folder: Path) -> tuple[Finding, CalibratedGate | None]:
    """Find calibration folders that are none, or of which any byte was changed."""
    from segqc_conformal.calibration_folder import CalibrationFolder

    try:
        gate = CalibrationFolder(folder).load()
    except SegqcError as error:
        return complaint_of(error).about("calibration"), None
    identity = gate.certificate.identity
    said = f"version {gate.id[:12]}, unchanged, for model_id {identity['model_id']}"
    return Finding("ok", "calibration", said), gate


def foreign_calibration(
    gate: CalibratedGate, model_id: str | None, structures: Iterable[str]
) -> list[Finding]:
    """Find calibrations of another model, or of other structures.

    Notes
    -----
    Guarantee: none.
    """
    calibrated, asked = gate.certificate.identity["model_id"], sorted(structures)
    findings = []
    if model_id is not None and model_id != calibrated:
        findings.append(
            Complaint(
                "problem",
                f"the model that was calibrated, model_id {calibrated}",
                f"model_id {model_id}",
                "use the calibrated model, or calibrate this one",
            ).about("calibration")
        )
    if asked and asked != sorted(gate.structures):
        findings.append(
            Complaint(
                "problem",
                f"the structures that were calibrated, {sorted(gate.structures)}",
                f"{asked}",
                "correct --structures, or calibrate these",
            ).about("calibration")
        )
    return findings


def calibrated_on_training(gate: CalibratedGate, training: Iterable[str]) -> list[Finding]:
    """Find calibrations by patients on whom the segmentation model was trained.

    Notes
    -----
    The calibration knows its patients by pseudonyms only.
    Guarantee: none.
    """
    from segqc_conformal.doctor.case_list import trained_on
    from segqc_conformal.patients import pseudonym

    names = {pseudonym(patient): patient for patient in training}
    return trained_on([names.get(one, one) for one in gate.patients], names.values())
