"""From scored calibration rows to certificates: the steps that every calibration shares."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from importlib.metadata import version
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from segqc_conformal.adapters.skops_store import dump_models
from segqc_conformal.calibrators.accept import AcceptThreshold
from segqc_conformal.calibrators.accept_grid import accept_grid, start_chances
from segqc_conformal.calibrators.interval import DiceInterval
from segqc_conformal.canonical_json import sha256_hex
from segqc_conformal.certificate import GateCertificate, StructureCertificate
from segqc_conformal.errors import InputError
from segqc_conformal.features.table import check_feature_table, feature_columns, row_faults
from segqc_conformal.gate import CalibratedGate, profile_bytes
from segqc_conformal.patients import first_case_of_each_patient, pseudonym
from segqc_conformal.quality.predictor import FittedQuality
from segqc_conformal.whole_case import WHOLE_CASE

if TYPE_CHECKING:
    from segqc_conformal.quality_gate import QualityGate

__all__ = [
    "certified_gate",
    "hashed_patients",
    "labelled_rows",
    "likely_outcomes",
    "one_case_each",
    "unlabelled_rows",
]

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
LEFT_OUT_SHOWN = 20
RESAMPLINGS = 200


def labelled_rows(
    table: pd.DataFrame, features: Sequence[str] | None = None
) -> tuple[pd.DataFrame, dict[str, Any]]:
    """Return the usable labelled rows of a feature table, and what was left out and why.

    Parameters
    ----------
    table : DataFrame
        A feature table; checked here.
    features : sequence of str, optional
        The features that will be read; None: all of the table.

    Returns
    -------
    (rows, left_out)
        Rows with ``dice`` and no fault; ``left_out`` counts unlabelled cases and names faulty ones.

    Raises
    ------
    InputError
        If no labelled row is usable.

    Notes
    -----
    Guarantee: none.
    """
    table = check_feature_table(table)
    faults = row_faults(table, features)
    # row by row, as new cases are judged: a sound structure beside a faulty one gets a verdict too
    rows = table[table["dice"].notna() & (faults == "")]
    unlabelled = table[table["dice"].isna() & (faults == "")]
    shown = faults[faults != ""].groupby(table["case_id"]).first()
    left_out = {
        "cases_unlabelled": int(unlabelled["case_id"].nunique()),
        "cases_faulty": len(shown),
        "faults": dict(list(shown.items())[:LEFT_OUT_SHOWN]),
    }
    if rows.empty:
        raise InputError(
            "at least one usable row with dice",
            f"{len(table)} rows, none usable: {left_out}",
            "add reference masks, or repair the rows named",
        )
    return rows.reset_index(drop=True), left_out


def one_case_each(rows: pd.DataFrame, seed: int) -> pd.DataFrame:
    """Keep the one case by which each patient counts (see `first_case_of_each_patient`)."""
    return rows[rows["case_id"].isin(first_case_of_each_patient(rows, seed))]


def unlabelled_rows(
    table: pd.DataFrame, but_not: Collection[str], features: Sequence[str]
) -> pd.DataFrame:
    """Return the usable rows without ``dice`` of patients other than those in `but_not`."""
    table = check_feature_table(table)
    usable = table[(row_faults(table, features) == "") & table["dice"].isna()]
    return usable[~usable["patient_id"].isin(list(but_not))].reset_index(drop=True)


def hashed_patients(rows: pd.DataFrame) -> list[str]:
    """Return the pseudonyms of the patients of some rows, sorted."""
    return sorted(map(pseudonym, rows["patient_id"].unique()))


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
    names = [*structures, *([WHOLE_CASE] if len(structures) > 1 else [])]
    profile = _profile(tuning, calibration)
    files = {
        "predictor.skops": dump_models({"model": quality.model, "scale": quality.scale}),
        "profile.parquet": profile_bytes(profile),
    }
    certificate = GateCertificate(
        identity=identity,
        settings=settings.as_dict(),
        structures={
            name: _certify(
                settings,
                tuning[tuning["structure"] == name],
                calibration[calibration["structure"] == name],
                None if unlabelled is None else unlabelled[unlabelled["structure"] == name],
                first=lineage["parent"] is None,
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
        lineage={**lineage, "calibration_patients": hashed_patients(calibration)},
        files={name: sha256_hex(content) for name, content in files.items()},
        libraries={name: version(name) for name in LIBRARIES},
    )
    return CalibratedGate(certificate, quality, profile, files)


def _certify(
    settings: QualityGate,
    tuning: pd.DataFrame,
    calibration: pd.DataFrame,
    unlabelled: pd.DataFrame | None,
    first: bool,
) -> StructureCertificate:
    known = calibration[calibration["predicted_dice"].notna()]
    interval = DiceInterval(
        miscoverage=settings.miscoverage, confidence=settings.interval_confidence
    ).calibrate(known["predicted_dice"], known["dice"], known["scale"])
    patients = len(calibration)
    risk, confidence = settings.tolerated_error, settings.confidence
    if unlabelled is None:
        bad = tuning["dice"] <= settings.dice_threshold
        grid = accept_grid(tuning["accept_score"], patients, risk, confidence, tuning_bad=bad)
    else:
        grid = accept_grid(unlabelled["accept_score"], patients, risk, confidence)
    accept = AcceptThreshold(settings.dice_threshold, risk, confidence).calibrate(
        calibration["accept_score"], calibration["dice"], grid
    )
    empty = calibration["predicted_dice"].isna()
    return StructureCertificate(
        interval=interval,
        accept=accept,
        certify_chance=_certify_chance(settings, tuning, grid, patients) if first else None,
        grid=tuple(float(threshold) for threshold in grid),
        patients_empty=int(empty.sum()),
        patients_both_empty=int((empty & (calibration["dice"] == 1.0)).sum()),
    )


def _certify_chance(settings: QualityGate, tuning: pd.DataFrame, grid: Any, patients: int) -> float:
    if grid.size == 0:
        return 0.0
    scores, dice = tuning["accept_score"].to_numpy(), tuning["dice"].to_numpy()
    bad = dice <= settings.dice_threshold
    return float(
        start_chances(
            scores, bad, grid[:1], patients, settings.tolerated_error, settings.confidence
        )[0]
    )


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


def _profile(tuning: pd.DataFrame, calibration: pd.DataFrame) -> pd.DataFrame:
    parts = [tuning.assign(role="fit"), calibration.assign(role="calibration")]
    rows = pd.concat([part for part in parts if len(part)], ignore_index=True)
    rows["case"] = pd.factorize(rows["role"] + "/" + rows["case_id"])[0]
    return rows[[*PROFILE_COLUMNS, *feature_columns(rows)]]


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
