"""Recalibration without new labels: the calibration patients weighted towards new ones."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from segqc_conformal.calibration_folder import CalibrationFolder
from segqc_conformal.calibration_rows import (
    check_features,
    check_identity,
    hashed_patients,
    rescored,
    unlabelled_rows,
)
from segqc_conformal.calibrators.accept import AcceptThreshold
from segqc_conformal.calibrators.domain_odds import domain_odds
from segqc_conformal.calibrators.interval import DiceInterval
from segqc_conformal.calibrators.interval_certificate import IntervalCertificate
from segqc_conformal.calibrators.weighted_quantile import score_features
from segqc_conformal.canonical_json import sha256_hex
from segqc_conformal.certificate import (
    ASSUMPTIONS,
    NEW_PATIENTS,
    GateCertificate,
    StructureCertificate,
)
from segqc_conformal.errors import CalibrationError
from segqc_conformal.gate import CalibratedGate, profile_bytes
from segqc_conformal.quality_gate import QualityGate
from segqc_conformal.recalibration import check_who, known_patients

__all__ = ["reweight"]

FEWEST = 20  # patients on each side, from whom to estimate weights
SPENDS_NOTHING = {
    "accept_promises": 0,
    "delta_of_each": 0.0,
    "delta_of_each_so_far": 0.0,
    "pac_intervals": 0,
    "delta_of_each_interval": 0.0,
}
REWEIGHTED = (
    "New patients are exchangeable with the unlabelled new ones that the weights of this version "
    "were estimated on, and a mask with a given predicted Dice and scale is as good as it was at "
    "calibration. No label supports either: audits do.",
    *ASSUMPTIONS[1:],
)


def reweight(
    folder: str | Path, table: pd.DataFrame, *, by: str, reason: str, now: datetime | None = None
) -> CalibratedGate:
    """Weight the calibration patients of a gate towards new patients, of whom no label is known.

    A stopgap until fresh labels are there (`recalibrate`): intervals that hold approximately, and
    nothing is accepted.

    Parameters
    ----------
    folder : str or Path
        Calibration folder; its active version is the parent.
    table : DataFrame
        Feature table of new cases, all of them or drawn at random; ``dice`` is not read. Patients
        that fitted or calibrated are left out.
    by, reason : str
        Kept for ever in the folder.
    now : datetime, optional
        Time of the switch.

    Returns
    -------
    CalibratedGate
        The new version, in force. It refers every case, for an accept threshold takes labels; its
        monitors compare with these new patients.

    Raises
    ------
    CalibrationError
        If the gate promises by group, with a confidence, or from 20 to 39 patients (no theorem
        for weights there), or fewer than 20 patients on a side have a structure that is not empty.
    InputError
        If the table lacks a feature of the quality predictor.
    IdentityError
        If it is of another model, sampler, schema or kind of judged mask.

    Notes
    -----
    Guarantee: none that could be proven; see the promise of the version. It is about right where
    only the mixture of easy and hard cases changed, and masks with the same predicted Dice and
    scale are as good as before; where masks became worse than their features tell, coverage is
    lost as without weights. The weights are the clipped odds of a logistic regression of new
    against calibration patients, on predicted Dice and log scale alone: with more features the
    same patients would tell less (`WeightedQuantile.effective_patients`).
    Source: Tibshirani et al., Conformal prediction under covariate shift (NeurIPS 2019).
    """
    check_who(by, reason)
    versions = CalibrationFolder(folder)
    parent = versions.load()
    _check_settings(parent)
    new = _new_rows(table, parent, versions)
    calibration = parent.profile[parent.profile["role"] == "calibration"]
    gate = _weighted_gate(parent, calibration, new)
    versions.add(gate, action="reweight", by=by, reason=reason, now=now)
    return gate


def _check_settings(parent: CalibratedGate) -> None:
    settings = QualityGate(**parent.certificate.settings)
    intervals = [entry.interval for entry in parent.certificate.structures.values()]
    obstacles = {
        f"by {settings.groups}": settings.groups is not None,
        "with an interval confidence": settings.interval_confidence is not None,
        "without calibration patients": not all(
            isinstance(each, IntervalCertificate) for each in intervals
        ),
    }
    found = [name for name, holds in obstacles.items() if holds]
    if found:
        raise CalibrationError(
            "a marginal calibration over all patients",
            f"one {' and '.join(found)}",
            "there is no theorem for weights here: audit new patients (`segqc recalibrate`)",
        )


def _new_rows(
    table: pd.DataFrame, parent: CalibratedGate, versions: CalibrationFolder
) -> pd.DataFrame:
    check_features(table, parent)
    rows = unlabelled_rows(
        table.assign(dice=np.nan), known_patients(table, versions), parent.quality.features, None
    )
    rows = rows[rows["structure"].isin(parent.structures)]
    if len(rows):
        check_identity(rows, parent)
    return rescored(rows, parent)


def _weighted_gate(
    parent: CalibratedGate, calibration: pd.DataFrame, new: pd.DataFrame
) -> CalibratedGate:
    settings, before = QualityGate(**parent.certificate.settings), parent.certificate
    structures = {
        name: _weighted(
            settings, name, before.structures[name], _scored(calibration, name), _scored(new, name)
        )
        for name in before.structures
    }
    profile = _profile(parent.profile, new)
    files = {**parent.files, "profile.parquet": profile_bytes(profile)}
    lineage = {
        **{name: before.lineage[name] for name in ("fit_patients", "calibration_patients")},
        "parent": parent.id,
        "look": 1,
        "first_look": None,
        "spent": SPENDS_NOTHING,
        NEW_PATIENTS: hashed_patients(new),
    }
    certificate = replace(
        before,
        structures=structures,
        lineage=lineage,
        files={name: sha256_hex(content) for name, content in files.items()},
        assumptions=REWEIGHTED,
    )
    # as it will be read from the folder: the same order of keys, the same types
    certificate = GateCertificate.from_json(certificate.to_json())
    return CalibratedGate(certificate, parent.quality, profile, files)


def _scored(rows: pd.DataFrame, name: str) -> pd.DataFrame:
    return rows[(rows["structure"] == name) & rows["predicted_dice"].notna()]


def _weighted(
    settings: QualityGate,
    name: str,
    entry: StructureCertificate,
    old: pd.DataFrame,
    new: pd.DataFrame,
) -> StructureCertificate:
    for side, rows in (("calibration", old), ("new", new)):
        if len(rows) < FEWEST:
            raise CalibrationError(
                f"at least {FEWEST} {side} patients with a non-empty {name}",
                len(rows),
                "wait for more cases, or audit some (`segqc recalibrate`)",
            )
    odds = domain_odds(_features(old), _features(new))
    found = DiceInterval(settings.miscoverage, settings.side).calibrate(
        old["predicted_dice"],
        old["dice"],
        old["scale"],
        weights=odds.of(_features(old)),
        weights_are="estimated",
    )
    assert found.weighted is not None
    accept = AcceptThreshold(
        settings.dice_threshold, settings.tolerated_error, settings.confidence
    ).calibrate([], [], [0.0])
    return replace(
        entry,
        interval=replace(found, weighted=replace(found.weighted, odds=odds)),
        accept=accept,
        certify_chances={},
    )


def _features(rows: pd.DataFrame) -> NDArray[np.float64]:
    return score_features(rows["predicted_dice"].to_numpy(), rows["scale"].to_numpy())


def _profile(before: pd.DataFrame, new: pd.DataFrame) -> pd.DataFrame:
    """Add the new patients, with whom the monitors of this version compare."""
    kept = before[before["role"] != "new"]
    numbers = pd.factorize(new["case_id"])[0] + int(kept["case"].max()) + 1
    rows = new.assign(role="new", case=numbers, dice=np.nan)
    return pd.concat([kept, rows.reindex(columns=kept.columns)], ignore_index=True)
