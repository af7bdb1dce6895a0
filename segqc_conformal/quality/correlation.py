"""What each feature alone says about the true Dice: correlations over labelled patients."""

from __future__ import annotations

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.stats import norm, rankdata

from segqc_conformal.errors import InputError
from segqc_conformal.features.table import check_feature_table, feature_columns, one_identity
from segqc_conformal.patients import first_case_of_each_patient

__all__ = ["feature_correlations"]

_COEFFICIENTS = ("spearman", "pearson")


def feature_correlations(table: pd.DataFrame, confidence: float = 0.95) -> pd.DataFrame:
    """Correlate every feature with the true Dice, structure by structure.

    Parameters
    ----------
    table : DataFrame
        A feature table of one model, sampler and schema, with ``dice`` where it is known. One case
        per patient counts, by the rule of `first_case_of_each_patient` among the labelled ones.
        Failed rows are left out, and so are empty predicted masks (``feature_volume_ml`` = 0),
        which are a stratum of their own.
    confidence : float, in (0, 1)
        Of the approximate intervals.

    Returns
    -------
    DataFrame
        One row per structure and feature, in the order of the table: ``structure, feature,
        patients, spearman, spearman_low, spearman_high, pearson, pearson_low, pearson_high``.
        Coefficients lie in [-1, 1]; NaN where the feature (or Dice) is constant. Patients whose
        value of a feature is not finite are left out of that feature's row.

    Raises
    ------
    InputError
        If no row has a known Dice, or confidence is outside (0, 1).
    IdentityError
        If rows of different models, samplers or schemas stand in the table.

    Notes
    -----
    Guarantee: none. The intervals are Fisher's, with the variance of Bonett and Wright,
    Psychometrika 65 (2000) 23-28, for Spearman: approximate, for one feature at a time, and
    [-1, 1] where they are not defined: below four patients, and for a coefficient of exactly 1.

    Examples
    --------
    >>> table = pd.DataFrame({"case_id": list("abcde"), "patient_id": list("abcde"),
    ...     "structure": "lesion", "model_id": "m", "sampler_id": "s", "schema_version": "1",
    ...     "judged": "fused", "dice": [0.5, 0.6, 0.7, 0.8, 0.9],
    ...     "feature_agreement": [0.1, 0.2, 0.3, 0.5, 0.4]})
    >>> round(float(feature_correlations(table)["spearman"][0]), 4)
    0.9
    """
    if not 0.0 < confidence < 1.0:
        raise InputError("confidence in (0, 1)", confidence, "give for example 0.95")
    rows = _one_row_of_each_patient(check_feature_table(table))
    width = float(norm.ppf(0.5 + confidence / 2))
    return pd.DataFrame(
        [
            {
                "structure": structure,
                "feature": column.removeprefix("feature_"),
                **_correlated(of[column].to_numpy(), of["dice"].to_numpy(), width),
            }
            for structure, of in rows.groupby("structure", sort=False)
            for column in feature_columns(rows)
        ]
    )


def _one_row_of_each_patient(table: pd.DataFrame) -> pd.DataFrame:
    labelled = table[table["failed"].isna() & table["dice"].between(0.0, 1.0)]
    if labelled.empty:
        raise InputError(
            "rows with a known Dice", "none", "extract with reference masks (`--references`)"
        )
    one_identity(labelled)
    rows = labelled[labelled["case_id"].isin(first_case_of_each_patient(labelled))]
    return rows[rows["feature_volume_ml"] > 0.0] if "feature_volume_ml" in rows else rows


def _correlated(
    values: NDArray[np.float64], dice: NDArray[np.float64], width: float
) -> dict[str, float]:
    finite = np.isfinite(values)
    x, y = values[finite], dice[finite]
    found: dict[str, float] = {"patients": int(x.size)}
    for name in _COEFFICIENTS:
        ranked = name == "spearman"
        r = _pearson(rankdata(x), rankdata(y)) if ranked else _pearson(x, y)
        low, high = _interval(r, x.size, width, 1.0 + r * r / 2.0 if ranked else 1.0)
        found |= {name: r, f"{name}_low": low, f"{name}_high": high}
    return found


def _pearson(x: NDArray[np.float64], y: NDArray[np.float64]) -> float:
    if x.size == 0 or np.ptp(x) == 0.0 or np.ptp(y) == 0.0:
        return float("nan")
    # Divided by the largest first: squares of huge or tiny values stay in range.
    a, b = ((v - v.mean()) / np.abs(v - v.mean()).max() for v in (x, y))
    return float(np.clip(a @ b / np.sqrt((a @ a) * (b @ b)), -1.0, 1.0))


def _interval(r: float, count: int, width: float, variance: float) -> tuple[float, float]:
    if np.isnan(r):
        return r, r
    if count < 4 or abs(r) == 1.0:
        return -1.0, 1.0
    half = width * np.sqrt(variance / (count - 3))
    return float(np.tanh(np.arctanh(r) - half)), float(np.tanh(np.arctanh(r) + half))
