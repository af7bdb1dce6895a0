"""From scored calibration rows to certificates: the steps that every calibration shares."""

from __future__ import annotations

from collections.abc import Sequence
from importlib.metadata import version
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from segqc_conformal.adapters.skops_store import dump_models
from segqc_conformal.calibration_rows import hashed_patients
from segqc_conformal.calibrators.accept import AcceptThreshold
from segqc_conformal.calibrators.accept_grid import accept_grid
from segqc_conformal.calibrators.looks import confidence_of_each, delta_of_look, delta_up_to_look
from segqc_conformal.canonical_json import sha256_hex
from segqc_conformal.certificate import GateCertificate
from segqc_conformal.features.table import feature_columns
from segqc_conformal.gate import CalibratedGate, profile_bytes
from segqc_conformal.quality.predictor import FittedQuality
from segqc_conformal.structure_calibration import calibrate_structure
from segqc_conformal.whole_case import WHOLE_CASE, subset_name

if TYPE_CHECKING:
    from segqc_conformal.quality_gate import QualityGate

__all__ = ["certified_gate", "likely_outcomes"]

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
RESAMPLINGS = 200


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

    Returns
    -------
    CalibratedGate

    Notes
    -----
    Guarantee: those of `DiceInterval` and `AcceptThreshold`, if `calibration` fitted, chose and
    tuned nothing.
    """
    subsets = map(subset_name, settings.subsets)
    names = [*structures, *subsets, *([WHOLE_CASE] if len(structures) > 1 else [])]
    profile = _profile(tuning, calibration, settings.groups)
    look = lineage["look"]
    files = {
        "predictor.skops": dump_models({"model": quality.model, "scale": quality.scale}),
        "profile.parquet": profile_bytes(profile),
    }
    certificate = GateCertificate(
        identity=identity,
        settings=settings.as_dict(),
        structures={
            name: calibrate_structure(
                settings,
                tuning[tuning["structure"] == name],
                calibration[calibration["structure"] == name],
                None if unlabelled is None else unlabelled[unlabelled["structure"] == name],
                promises=len(names) if settings.family == "all" else 1,
                look=look,
                first=same_population,
            )
            for name in names
        },
        quality={
            "name": quality.name,
            "features": list(quality.features),
            "scale_form": quality.scale_form,
            "choice": quality.choice,
        },
        data=_data(calibration, tuning, left_out),
        lineage={
            **lineage,
            "calibration_patients": hashed_patients(calibration),
            "spent": _spent(settings, len(names), look),
        },
        files={name: sha256_hex(content) for name, content in files.items()},
        libraries={name: version(name) for name in LIBRARIES},
    )
    # as it will be read from the folder: the same order of keys, the same types
    certificate = GateCertificate.from_json(certificate.to_json())
    return CalibratedGate(certificate, quality, profile, files)


def _spent(settings: QualityGate, promises: int, look: int) -> dict[str, float]:
    """Return what this calibration spends of the error probability of its accept promises."""
    each = confidence_of_each(settings.confidence, promises if settings.family == "all" else 1)
    return {
        "accept_promises": promises,
        "delta_of_each": delta_of_look(each, settings.looks, look),
        "delta_of_each_so_far": delta_up_to_look(each, settings.looks, look),
    }


def likely_outcomes(
    settings: QualityGate, tuning: pd.DataFrame, patients: int, tolerated_errors: Sequence[float]
) -> list[dict[str, float]]:
    """Resample scored fit patients of one structure to see what a calibration would bring."""
    rng = np.random.default_rng(settings.seed)
    scores, dice = tuning["accept_score"].to_numpy(), tuning["dice"].to_numpy()
    bad = dice <= settings.dice_threshold
    outcomes = []
    for risk in tolerated_errors:
        grid = accept_grid(scores, patients, risk, settings.confidence, tuning_bad=bad)
        accept = AcceptThreshold(settings.dice_threshold, risk, settings.confidence)
        shares = []
        for _ in range(RESAMPLINGS):
            drawn = rng.integers(0, len(scores), patients)
            certificate = accept.calibrate(scores[drawn], dice[drawn], grid)
            shares.append(certificate.accept(scores).mean())
        outcomes.append(
            {
                "tolerated_error": risk,
                "p_certify": float(np.mean(np.array(shares) > 0)),
                "share_accepted": float(np.mean(shares)),
            }
        )
    return outcomes


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
