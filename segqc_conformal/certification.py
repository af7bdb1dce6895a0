"""From scored calibration rows to certificates: the steps that every calibration shares."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from importlib.metadata import version
from typing import TYPE_CHECKING, Any

import pandas as pd

from segqc_conformal.adapters.skops_store import dump_models
from segqc_conformal.calibration_rows import hashed_patients
from segqc_conformal.calibrators.checks import delta_of
from segqc_conformal.calibrators.cross_certificate import CrossConformalCertificate
from segqc_conformal.calibrators.interval_certificate import IntervalCertificate
from segqc_conformal.calibrators.looks import delta_of_look, delta_up_to_look
from segqc_conformal.canonical_json import sha256_hex
from segqc_conformal.certificate import (
    ASSUMPTIONS,
    CROSS_CONFORMAL,
    GateCertificate,
    StructureCertificate,
)
from segqc_conformal.features.table import feature_columns
from segqc_conformal.gate import CalibratedGate, profile_bytes
from segqc_conformal.quality.predictor import FittedQuality
from segqc_conformal.structure_calibration import calibrate_structure
from segqc_conformal.whole_case import rows_together

if TYPE_CHECKING:
    from segqc_conformal.quality_gate import QualityGate

__all__ = ["certified_gate"]

LIBRARIES = ("segqc-conformal", "numpy", "pandas", "scikit-learn", "scipy", "skops")
PROFILE_COLUMNS = (
    "role",
    "case",
    "structure",
    "site",
    "time",
    "predicted_dice",
    "scale",
    "accept_score",
    "dice",
)


def certified_gate(
    settings: QualityGate,
    quality: FittedQuality,
    tuning: pd.DataFrame,
    calibration: pd.DataFrame,
    structures: tuple[str, ...],
    *,
    identity: dict[str, str],
    left_out: dict[str, Any],
    lineage: dict[str, Any],
    same_population: bool = True,
    unlabelled: pd.DataFrame | None = None,
    cross: Mapping[str, CrossConformalCertificate] | None = None,
) -> CalibratedGate:
    """Certify a fitted quality predictor on calibration patients it has not seen.

    Parameters
    ----------
    settings : QualityGate
    quality : FittedQuality
    tuning : DataFrame
        Scored rows of the fit patients (out-of-fold), one case per patient: grid, its start and,
        for a first calibration, P(certify).
    calibration : DataFrame
        Scored rows of the calibration patients (`gate.score_rows`), one case per patient.
    structures : tuple of str
        Structures, without ``whole_case``.
    identity, left_out, lineage : dict
        Recorded in the certificate.
    same_population : bool
        Whether fit and calibration patients are of one population: only then is P(certify) known.
    unlabelled : DataFrame, optional
        Scored rows of unlabelled patients of the population to be judged; the grid then comes
        from them.
    cross : mapping of str to CrossConformalCertificate, optional
        Intervals by structure, where there are too few patients for calibration patients.

    Returns
    -------
    CalibratedGate

    Notes
    -----
    Guarantee: those of `DiceInterval` and `AcceptThreshold`, if `calibration` fitted, chose and
    tuned nothing; with `cross`, that of `CrossConformalInterval`.
    """
    names = [*structures, *rows_together(structures, settings.subsets)]
    profile = _profile(tuning, calibration, settings.groups)
    look = lineage["look"]
    models = {name: list(interval.models) for name, interval in (cross or {}).items()}
    files = {
        "predictor.skops": dump_models({"model": quality.model, "cross": models}),
        "profile.parquet": profile_bytes(profile),
    }
    certified = {
        name: calibrate_structure(
            settings,
            tuning[tuning["structure"] == name],
            calibration[calibration["structure"] == name],
            None if unlabelled is None else unlabelled[unlabelled["structure"] == name],
            structures=len(names),
            look=look,
            first=same_population and look == 1,
        )
        for name in names
    }
    for name, interval in (cross or {}).items():
        entry = certified[name]
        certified[name] = replace(entry, interval=replace(interval, models=()))
    certificate = GateCertificate(
        identity=identity,
        settings=settings.as_dict(),
        structures=certified,
        quality={
            "name": quality.name,
            "features": list(quality.features),
            "power": quality.power,
            "centre": quality.centre,
            "centres": quality.centres,
            "choice": quality.choice,
        },
        data=_data(calibration, tuning, left_out),
        lineage={
            "first_look": None,
            **lineage,
            "calibration_patients": hashed_patients(calibration),
            "spent": _spent(settings, certified, look),
        },
        files={name: sha256_hex(content) for name, content in files.items()},
        libraries={name: version(name) for name in LIBRARIES},
        assumptions=(*ASSUMPTIONS, CROSS_CONFORMAL) if cross else ASSUMPTIONS,
    )
    # as it will be read from the folder: the same order of keys, the same types
    certificate = GateCertificate.from_json(certificate.to_json())
    return CalibratedGate(certificate, quality, profile, files, models)


def _spent(
    settings: QualityGate, certified: Mapping[str, StructureCertificate], look: int
) -> dict[str, float]:
    """Return the error probability that this calibration spends on each of its promises."""
    accept = [
        one.delta_spent
        for entry in certified.values()
        for one in entry.accept.by_group.values()
        if one.patients
    ]
    interval = [
        delta_of(entry.interval.confidence)
        for entry in certified.values()
        if isinstance(entry.interval, IntervalCertificate) and entry.interval.confidence is not None
        for _ in range(entry.interval.own_promises)
    ]
    each, looks = max(accept, default=0.0), (settings.confidence, settings.looks, look)
    return {
        "accept_promises": len(accept),
        "delta_of_each": each,
        "delta_of_each_so_far": each * (delta_up_to_look(*looks) / delta_of_look(*looks)),
        "pac_intervals": len(interval),
        "delta_of_each_interval": max(interval, default=0.0),
    }


def _profile(tuning: pd.DataFrame, calibration: pd.DataFrame, groups: str | None) -> pd.DataFrame:
    parts = [tuning.assign(role="fit"), calibration.assign(role="calibration")]
    rows = pd.concat([part for part in parts if len(part)], ignore_index=True)
    rows["case"] = pd.factorize(rows["role"] + "/" + rows["case_id"])[0]
    columns = dict.fromkeys(
        [*PROFILE_COLUMNS, *([groups] if groups else []), *feature_columns(rows)]
    )
    return rows[list(columns)]


def _data(
    calibration: pd.DataFrame, tuning: pd.DataFrame, left_out: dict[str, Any]
) -> dict[str, Any]:
    ordered = calibration.sort_values(["case_id", "structure"]).reindex(
        columns=sorted(calibration.columns)
    )
    return {
        "calibration_sha256": sha256_hex(ordered.to_csv(index=False).encode()),
        "patients_fit": int(tuning["patient_id"].nunique())
        if "patient_id" in tuning
        else int(tuning["case"].nunique()),
        "patients_calibration": int(calibration["patient_id"].nunique()),
        **left_out,
    }
