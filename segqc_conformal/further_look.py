"""Calibrate again with more patients, where many looks were declared before the first."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from datetime import datetime
from pathlib import Path

import pandas as pd

from segqc_conformal.calibration_folder import CalibrationFolder, first_look
from segqc_conformal.calibration_rows import (
    fitting_rows,
    rescored,
    tuning_rows,
)
from segqc_conformal.certificate import GateCertificate
from segqc_conformal.certification import certified_gate
from segqc_conformal.errors import CalibrationError
from segqc_conformal.features.table import fit_patient_flags
from segqc_conformal.gate import CalibratedGate
from segqc_conformal.patients import pseudonym
from segqc_conformal.quality_gate import QualityGate
from segqc_conformal.recalibration import check_who

__all__ = ["look_again"]


def look_again(
    folder: str | Path, table: pd.DataFrame, *, by: str, reason: str, now: datetime | None = None
) -> CalibratedGate:
    """Certify the deployed quality predictor on its calibration patients and new ones together.

    Parameters
    ----------
    folder : str or Path
        Calibration folder whose active version was calibrated with ``looks="many"``.
    table : DataFrame
        Feature table with ``dice``: every calibration patient of the looks so far, also of those
        rolled back, with the same case and labels; and new patients of the same population. Fit
        patients, and those of versions that are no look of these, are left out and counted.
    by, reason : str
        Kept for ever in the folder.
    now : datetime, optional
        Time of the switch.

    Returns
    -------
    CalibratedGate
        The new version, in force.

    Raises
    ------
    CalibrationError
        If many looks were not declared before the first, or patients or rows of the looks so far
        are missing or changed: what counts must not depend on what was seen.
    InputError, IdentityError
        For a table that does not fit the gate.

    Notes
    -----
    Guarantee: the accept promises (and PAC intervals) of all looks together hold with the
    confidence asked for: look k spends ``delta / (k (k + 1))``. A marginal interval's promise is
    about each look by itself.
    """
    check_who(by, reason)
    versions = CalibrationFolder(folder)
    active = versions.load()
    settings = QualityGate(**active.certificate.settings)
    if settings.looks != "many":
        raise CalibrationError(
            'a calibration made with looks="many", declared before the first look',
            f"looks={settings.looks!r}",
            "use fresh patients only (`segqc recalibrate`)",
        )
    if active.certificate.reweighted:
        raise CalibrationError(
            "a version calibrated on labels in force",
            f"{active.id[:12]}, which is only weighted",
            "put its parent in force again first (`segqc rollback`)",
        )
    rows, left_out = fitting_rows(table, active)
    certificates = versions.certificates()
    last = versions.load(_last_look(certificates, active))
    name = rows["patient_id"].map(pseudonym)
    known = name.isin(_known_elsewhere(certificates.values(), last)) | fit_patient_flags(rows)
    left_out["patients_known_before"] = int(rows.loc[known, "patient_id"].nunique())
    _check_patients(set(name), last)
    if not set(name[~known]) - set(last.certificate.lineage["calibration_patients"]):
        raise CalibrationError(
            "new patients beside those of the looks so far",
            "none",
            "wait until there are some: a look without them only spends confidence",
        )
    calibration = rescored(rows[~known], last)
    _check_rows(calibration, last)
    gate = certified_gate(
        settings,
        last.quality,
        tuning_rows(last),
        calibration,
        last.structures,
        identity=last.certificate.identity,
        left_out=left_out,
        lineage={
            "parent": active.id,
            "first_look": first_look(last.certificate),
            "look": last.certificate.lineage["look"] + 1,
            "fit_patients": last.certificate.lineage["fit_patients"],
        },
        same_population=False,  # P(certify) is that of a first look
    )
    versions.add(gate, action="look again", by=by, reason=reason, now=now)
    return gate


def _last_look(certificates: Mapping[str, GateCertificate], active: CalibratedGate) -> str:
    """Return the last look, also one rolled back: it counts the patients of all before it."""
    looks = {
        certificate.lineage["look"]: version
        for version, certificate in certificates.items()
        if first_look(certificate) == first_look(active.certificate)
    }
    return looks[max(looks)]


def _known_elsewhere(certificates: Iterable[GateCertificate], last: CalibratedGate) -> set[str]:
    """Return who fitted, and who fitted or calibrated a version that is no look of these."""
    known = set(last.certificate.lineage["fit_patients"])
    for certificate in certificates:
        if first_look(certificate) != first_look(last.certificate):
            known |= set(certificate.lineage["fit_patients"])
            known |= set(certificate.lineage["calibration_patients"])
    return known - set(last.certificate.lineage["calibration_patients"])


def _check_patients(names: set[str], last: CalibratedGate) -> None:
    missing = set(last.certificate.lineage["calibration_patients"]) - names
    if missing:
        raise CalibrationError(
            "every calibration patient of the looks so far, and new ones",
            f"a table without {len(missing)} of them",
            "add their rows: which patients count must not depend on what was seen",
        )


def _check_rows(calibration: pd.DataFrame, last: CalibratedGate) -> None:
    groups = last.certificate.settings["groups"]
    columns = ["structure", "dice", *([groups] if groups else [])]
    names = calibration["patient_id"].map(pseudonym)
    earlier = calibration[names.isin(last.certificate.lineage["calibration_patients"])]
    # the profile keeps no patient ids: rows are compared without
    seen = _counted(last.profile.loc[last.profile["role"] == "calibration", columns])
    missing = seen - _counted(earlier[columns])
    if missing:
        raise CalibrationError(
            "for earlier patients the case, structures and labels that counted before",
            f"{missing.total()} of {seen.total()} rows missing or changed",
            "give them as they were: what counts must not depend on what was seen",
        )


def _counted(rows: pd.DataFrame) -> Counter[tuple[object, ...]]:
    return Counter(rows.itertuples(index=False, name=None))
