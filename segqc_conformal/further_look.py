"""Calibrate again with more patients, where many looks were declared before the first."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

import pandas as pd

from segqc_conformal.calibration_folder import CalibrationFolder
from segqc_conformal.calibration_rows import (
    check_features,
    check_identity,
    labelled_rows,
    rescored,
    tuning_rows,
    with_group,
)
from segqc_conformal.certification import certified_gate
from segqc_conformal.errors import CalibrationError
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
        Feature table with ``dice``: every calibration patient of the last look, and new patients of
        the same population. Fit patients are left out and counted.
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
        If many looks were not declared before the first, or patients of the last look are missing:
        which patients count must not depend on what was seen.
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
    last = versions.load()
    settings = QualityGate(**last.certificate.settings)
    if settings.looks != "many":
        raise CalibrationError(
            'a calibration made with looks="many", declared before the first look',
            f"looks={settings.looks!r}",
            "use fresh patients only (`segqc recalibrate`)",
        )
    check_features(table, last)
    rows, left_out = labelled_rows(table, last.quality.features)
    check_identity(rows, last)
    rows = with_group(rows, settings.groups, left_out)
    name = rows["patient_id"].map(pseudonym)
    fitted = name.isin(last.certificate.lineage["fit_patients"])
    left_out["patients_known_before"] = int(rows.loc[fitted, "patient_id"].nunique())
    _check_all_there(set(name), last)
    gate = certified_gate(
        settings,
        last.quality,
        tuning_rows(last),
        rescored(rows[~fitted], last),
        last.structures,
        identity=last.certificate.identity,
        left_out=left_out,
        lineage={
            "parent": last.id,
            "look": _last_look(versions, last) + 1,
            "fit_patients": last.certificate.lineage["fit_patients"],
        },
        same_population=any(
            entry.certify_chances for entry in last.certificate.structures.values()
        ),
    )
    versions.add(gate, action="look again", by=by, reason=reason, now=now)
    return gate


def _last_look(versions: CalibrationFolder, gate: CalibratedGate) -> int:
    """Return the number of the last look at these patients, also one that was rolled back."""
    own = set(gate.certificate.lineage["calibration_patients"])
    lineages = [certificate.lineage for certificate in versions.certificates().values()]
    return max(int(entry["look"]) for entry in lineages if own & set(entry["calibration_patients"]))


def _check_all_there(names: set[str], last: CalibratedGate) -> None:
    missing = set(last.certificate.lineage["calibration_patients"]) - names
    if missing:
        raise CalibrationError(
            "every calibration patient of the last look, and new ones",
            f"a table without {len(missing)} of them",
            "add their rows: which patients count must not depend on what was seen",
        )
