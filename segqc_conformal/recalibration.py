"""From an alarm to a new promise: recalibrate with fresh labels, roll back, and tell the state."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pandas as pd

from segqc_conformal.calibration_folder import CalibrationFolder, Switch
from segqc_conformal.calibration_rows import (
    fitting_rows,
    hashed_patients,
    one_case_each,
    rescored,
    tuning_rows,
    unlabelled_rows,
)
from segqc_conformal.calibrators.checks import percent
from segqc_conformal.certification import certified_gate
from segqc_conformal.errors import CalibrationError, InputError
from segqc_conformal.features.table import fit_patient_flags
from segqc_conformal.gate import CalibratedGate
from segqc_conformal.iso_times import in_utc
from segqc_conformal.patients import pseudonym
from segqc_conformal.plan import fewest_for_interval
from segqc_conformal.quality_gate import QualityGate
from segqc_conformal.shadow_check import shadow_check, shadow_patients

__all__ = ["FolderStatus", "check_who", "known_patients", "recalibrate", "rollback", "status"]

SMALLEST_GRID = 20  # unlabelled patients from whose scores a grid of thresholds can be made


@dataclass(frozen=True)
class FolderStatus:
    """State of a calibration folder: versions, the one in force, and every switch."""

    active: str
    versions: tuple[str, ...]
    history: tuple[Switch, ...]
    promises: dict[str, dict[str, str]]
    spent: str


def recalibrate(
    folder: str | Path,
    table: pd.DataFrame,
    *,
    by: str,
    reason: str,
    now: datetime | None = None,
    cooldown_days: int = 0,
) -> CalibratedGate:
    """Certify the deployed quality predictor anew, on fresh labelled patients.

    Parameters
    ----------
    folder : str or Path
        Calibration folder; its active version is the parent.
    table : DataFrame
        Feature table with ``dice`` of cases drawn at random from the population that will be
        judged: audits of accepted cases alone cannot calibrate referred ones. Unlabelled rows of
        at least 20 other patients of that population, where there are any, set the grid of
        accept thresholds; else the fit patients' out-of-fold scores do.
    by, reason : str
        Kept for ever in the folder.
    now : datetime, optional
        Time of the switch.
    cooldown_days : int
        Refuse to recalibrate so soon after the last recalibration; 0: never.

    Returns
    -------
    CalibratedGate
        The new version, in force. Patients that fitted, calibrated or checked an earlier version
        are left out and counted. Of 100 fresh patients or more, one in five calibrates nothing:
        its labels can only veto (`shadow_check`).

    Raises
    ------
    CalibrationError
        If fewer fresh patients with every structure remain than a finite interval needs, the
        shadow check speaks against the new version, or the last recalibration is too recent;
        nothing is then switched.
    InputError
        If the table lacks a feature of the quality predictor.
    IdentityError
        If the table is of another model, sampler, schema or kind of judged mask.

    Notes
    -----
    Guarantee: those of `QualityGate`, for this version and the population its patients were drawn
    from. Each version spends its own delta.
    """
    check_who(by, reason)
    versions = CalibrationFolder(folder)
    _check_cooldown(versions, now or datetime.now(UTC), cooldown_days)
    parent = versions.load()
    settings = QualityGate(**parent.certificate.settings)
    rows, left_out = fitting_rows(table, parent)
    rows = rows[rows["structure"].isin(parent.structures)]
    known = known_patients(table, versions)
    fresh = rows[~rows["patient_id"].isin(known)]
    left_out["patients_known_before"] = int(
        rows["patient_id"].nunique() - fresh["patient_id"].nunique()
    )
    complete = fresh.groupby("case_id")["structure"].transform("nunique") == len(parent.structures)
    _check_enough(fresh.loc[complete, "patient_id"].nunique(), settings)
    kept = shadow_patients(fresh["patient_id"], settings.seed)
    shadow, fresh = (fresh[fresh["patient_id"].isin(kept) == apart] for apart in (True, False))
    calibrated = table[table["structure"].isin(parent.structures)]
    others = unlabelled_rows(
        calibrated, [*known, *kept, *fresh["patient_id"]], parent.quality.features, settings.groups
    )
    enough = others["patient_id"].nunique() >= SMALLEST_GRID
    gate = certified_gate(
        settings,
        parent.quality,
        tuning_rows(parent),
        rescored(fresh, parent),
        parent.structures,
        identity=parent.certificate.identity,
        left_out=left_out,
        lineage={
            "parent": parent.id,
            "look": 1,
            "fit_patients": parent.certificate.lineage["fit_patients"],
            **({"shadow_patients": hashed_patients(shadow)} if kept else {}),
        },
        same_population=False,
        unlabelled=rescored(others, parent) if enough else None,
    )
    if kept:
        _checked(versions, gate, one_case_each(shadow, settings.seed), by, now)
    versions.add(gate, action="recalibrate", by=by, reason=reason, now=now)
    return gate


def rollback(
    folder: str | Path,
    *,
    by: str,
    reason: str,
    to: str | None = None,
    now: datetime | None = None,
) -> str:
    """Put an earlier version in force again.

    Parameters
    ----------
    folder : str or Path
    by, reason : str
        Kept for ever in the folder.
    to : str, optional
        Version, or the first digits of one; None: the parent of the active version.
    now : datetime, optional

    Returns
    -------
    str
        Id of the version now in force.

    Raises
    ------
    InputError
        If there is no such version, or no parent.
    """
    check_who(by, reason)
    versions = CalibrationFolder(folder)
    if to is None:
        to = versions.load().certificate.lineage["parent"]
    known = [version for version in versions.versions() if to and version.startswith(to)]
    if len(known) != 1:
        raise InputError(
            f"exactly one earlier version; known: {[v[:12] for v in versions.versions()]}",
            to,
            "name it with --to; see `segqc status`",
        )
    versions.activate(known[0], action="rollback", by=by, reason=reason, now=now)
    return known[0]


def status(folder: str | Path) -> FolderStatus:
    """Tell which version is in force, what it promises, and how it came to be.

    Raises
    ------
    TamperedError
        If any byte of the folder was changed.
    """
    versions = CalibrationFolder(folder)
    history = versions.history()
    versions.certificates()  # refuses a changed version, also one not in force
    certificate = versions.load().certificate
    return FolderStatus(
        active=versions.active,
        versions=tuple(versions.versions()),
        history=tuple(history),
        promises={
            name: {"interval": entry.interval.promise, "accept": entry.accept.promise}
            for name, entry in certificate.structures.items()
        },
        spent=certificate.spent,
    )


def check_who(by: str, reason: str) -> None:
    """Refuse a switch of versions without a name and a reason."""
    if not by.strip() or not reason.strip():
        raise InputError(
            "a name and a reason", f"by={by!r}, reason={reason!r}", "say who switches and why"
        )


def _checked(
    versions: CalibrationFolder,
    gate: CalibratedGate,
    shadow: pd.DataFrame,
    by: str,
    now: datetime | None,
) -> None:
    """Check a new version; one that is vetoed is kept, so that its patients count as seen."""
    try:
        shadow_check(gate, shadow)
    except CalibrationError as error:
        reason = f"shadow check: {error.received}"
        versions.veto(gate, by=by, reason=reason, now=now or datetime.now(UTC))
        raise


def _check_cooldown(versions: CalibrationFolder, now: datetime, days: int) -> None:
    times = [
        datetime.fromisoformat(switch.at)
        for switch in versions.history()
        if switch.action == "recalibrate"
    ]
    if days and times and in_utc(now) < in_utc(max(times)) + timedelta(days=days):
        raise CalibrationError(
            f"{days} days since the last recalibration",
            max(times).isoformat(),
            "find out why the promises broke again so soon, or say --cooldown-days 0",
        )


def known_patients(table: pd.DataFrame, versions: CalibrationFolder) -> list[str]:
    """Return the patients of a table that fitted, calibrated or checked a version of a folder.

    Those whose labels taught a feature of the table are among them.
    """
    # a version that a crash kept from being noted is made again from the same patients
    noted = {switch.version for switch in versions.history()}
    known: set[str] = set()
    for version, certificate in versions.certificates().items():
        if version in noted:
            known |= set(certificate.lineage["fit_patients"])
            known |= set(certificate.lineage["calibration_patients"])
            known |= set(certificate.lineage.get("shadow_patients", ()))
    taught = set(table.loc[fit_patient_flags(table), "patient_id"])
    return [
        patient
        for patient in table["patient_id"].unique()
        if pseudonym(patient) in known or patient in taught
    ]


def _check_enough(patients: int, settings: QualityGate) -> None:
    needed = fewest_for_interval(settings.miscoverage, settings.interval_confidence)
    if needed is None or patients < needed:
        raise CalibrationError(
            f"at least {needed} fresh labelled patients with every structure for an interval at "
            f"{percent(1 - settings.miscoverage)}",
            patients,
            f"audit {(needed or 0) - patients} more patients, drawn at random",
        )
