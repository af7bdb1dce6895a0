"""The two halves of a comparison: patients that fit and patients that evaluate."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

from segqc_conformal.calibration_rows import labelled_rows, one_case_each
from segqc_conformal.errors import InputError
from segqc_conformal.features.table import one_identity
from segqc_conformal.quality.predictor import fit_quality
from segqc_conformal.scoring import empty_prediction

__all__ = ["compared_rows", "of_structure", "scored_halves", "structures_with_enough"]

FEWEST_PATIENTS = 20
FEWEST_OF_A_STRUCTURE = 5  # in each half


def compared_rows(features: pd.DataFrame, predictors: Sequence[str], seed: int) -> pd.DataFrame:
    """Return the labelled rows to compare on: one case per patient, no empty prediction.

    Raises
    ------
    InputError
        With fewer than 20 labelled patients, or for predictor columns that are missing or hold
        anything but Dice.
    """
    rows, _ = labelled_rows(features)
    one_identity(rows)
    rows = one_case_each(rows, seed)
    rows = rows[~empty_prediction(rows)].reset_index(drop=True)
    if rows["patient_id"].nunique() < FEWEST_PATIENTS:
        raise InputError(
            f"at least {FEWEST_PATIENTS} labelled patients",
            rows["patient_id"].nunique(),
            "add reference masks",
        )
    for column in predictors:
        if column not in rows:
            raise InputError(f"the column {column}, a predictor", "a table without", "add it")
        values = pd.to_numeric(rows[column], errors="coerce")
        outside = rows.loc[~values.between(0.0, 1.0), "case_id"]
        if len(outside):
            raise InputError(
                f"predicted Dice in [0, 1] in {column}",
                f"{len(outside)} rows without",
                "predict every labelled case",
                case_id=str(outside.iloc[0]),
            )
        rows[column] = values.astype(np.float64)
    return rows


def scored_halves(
    fit: pd.DataFrame, test: pd.DataFrame, columns: Sequence[str], seed: int
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Add predicted Dice and scale from these columns alone: out of fold to the rows that fit."""
    names = {column: f"feature_{column.removeprefix('feature_')}" for column in columns}
    known, new = (
        part[["patient_id", "structure", "dice", *columns]].rename(columns=names)
        for part in (fit, test)
    )
    quality, out_of_fold = fit_quality(known, seed=seed)
    predicted, scale = quality.predict(new)
    return fit.join(out_of_fold), test.assign(predicted_dice=predicted, scale=scale)


def of_structure(
    halves: tuple[pd.DataFrame, pd.DataFrame], name: str
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Return the rows of one structure of both halves."""
    fit, test = halves
    return fit[fit["structure"] == name], test[test["structure"] == name]


def structures_with_enough(fit: pd.DataFrame, test: pd.DataFrame) -> tuple[list[str], list[str]]:
    """Return the structures that at least 5 patients of each half have, and the other ones.

    Raises
    ------
    InputError
        If there is none.
    """
    sizes = pd.DataFrame({"fit": fit["structure"].value_counts()})
    sizes = sizes.join(test["structure"].value_counts().rename("test"), how="outer").fillna(0)
    enough = sizes.min(axis=1) >= FEWEST_OF_A_STRUCTURE
    if not enough.any():
        raise InputError(
            f"a structure that {FEWEST_OF_A_STRUCTURE} patients of each half have",
            dict(sizes.sum(axis=1).astype(int)),
            "add reference masks",
        )
    return sorted(map(str, sizes.index[enough])), sorted(map(str, sizes.index[~enough]))
