"""What reverse Dice says of Dice, beside uncertainty features and together with them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from segqc_conformal.evaluation.area_under_risk import aurc
from segqc_conformal.evaluation.bootstrap import (
    bootstrap_interval,
    paired_difference,
    patient_counts,
)
from segqc_conformal.evaluation.prediction_error import pearson, spearman
from segqc_conformal.quality.cross_fit import cross_fitted
from segqc_conformal.quality.regressor import QualityRegressor

UNCERTAINTY = ("pairwise_dice", "soft_dice_confidence")
REVERSE = ("reverse_dice_max", "reverse_dice_median")
ALONE = "uncertainty, regressor"


def rank_correlation(table: pd.DataFrame) -> float:
    """Return the Spearman correlation of the maximum with Dice, the mean over structures."""
    return float(
        np.mean(
            [
                spearman(rows["feature_reverse_dice_max"], rows["dice"])
                for _, rows in table.groupby("structure")
            ]
        )
    )


def measured(tables: Mapping[str, pd.DataFrame], replicates: int = 1000) -> dict[str, Any]:
    """Measure each backend's table; all hold the same rows.

    Regressors are cross-fitted on these rows, by patient; intervals are bootstraps of the patients.
    Empty predictions are left out.
    """
    first = next(iter(tables.values()))
    kept = first["feature_volume_ml"] > 0.0
    scores = {name: first[f"feature_{name}"].to_numpy() for name in UNCERTAINTY}
    scores |= {name: one["feature_reverse_dice_max"].to_numpy() for name, one in tables.items()}
    scores[ALONE] = _predicted(first, kept, UNCERTAINTY)
    for name, one in tables.items():
        scores[f"{ALONE} + {name}"] = _predicted(one, kept, (*UNCERTAINTY, *REVERSE))
    rows = []
    for structure in first["structure"].unique():
        here = (kept & (first["structure"] == structure)).to_numpy()
        counts = patient_counts(first.loc[here, "patient_id"], replicates)
        seen = {name: one[here] for name, one in scores.items()}
        rows += _rows(structure, first.loc[here, "dice"].to_numpy(), seen, counts)
    return {
        "patients": int(first["patient_id"].nunique()),
        "left_out": int((~kept).sum()),
        "rows": rows,
    }


def _predicted(table: pd.DataFrame, kept: pd.Series, names: tuple[str, ...]) -> NDArray[np.float64]:
    rows = table.loc[kept, ["patient_id", "structure", *(f"feature_{name}" for name in names)]]
    found = np.full(len(table), np.nan)
    target = table.loc[kept, "dice"]
    found[kept] = cross_fitted(QualityRegressor("linear"), rows, target).predicted
    return found


def _rows(
    structure: str,
    dice: NDArray[np.float64],
    scores: dict[str, NDArray[np.float64]],
    counts: NDArray[np.int64],
) -> list[dict[str, Any]]:
    rows = []
    for name, score in scores.items():
        row: dict[str, Any] = {"structure": structure, "score": name, "cases": dice.size}
        for word, metric in (("spearman", spearman), ("pearson", pearson)):
            row[word] = list(bootstrap_interval(metric, score, dice, counts))
        row["aurc"] = list(bootstrap_interval(aurc, score, 1.0 - dice, counts))
        row["less"] = list(paired_difference(aurc, score, scores[ALONE], 1.0 - dice, counts))
        rows.append(row)
    return rows
