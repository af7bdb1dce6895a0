"""What cannot be had: rankings by someone who knows labels of the very cases that are ranked."""

from __future__ import annotations

from typing import Any

import pandas as pd
from predictors_measure import DataSet
from scipy.stats import spearmanr

from segqc_conformal.features.table import feature_columns


def oracles(data: DataSet) -> list[dict[str, Any]]:
    """Return rank correlations with Dice on clean cases, structure by structure.

    Of the best single feature, chosen by the same cases, and of the true Dice of the other
    structures of the case: same image, same reader, same model.
    """
    clean = data.table[data.table["version"] == "clean"]
    dice = clean.pivot(index="patient_id", columns="structure", values="dice")
    found = []
    for structure, rows in clean.groupby("structure"):
        ranks = {name: abs(_rank(rows[name], rows["dice"])) for name in feature_columns(rows)}
        best = max(ranks, key=ranks.__getitem__)
        others = dice.drop(columns=structure).mean(axis=1)
        found.append(
            {
                "structure": structure,
                "patients": int(rows["patient_id"].nunique()),
                "features": len(ranks),
                "best": best.removeprefix("feature_"),
                "best_spearman": ranks[best],
                "other_structures": _rank(others, dice[structure]) if dice.shape[1] > 1 else None,
            }
        )
    return found


def _rank(a: pd.Series, b: pd.Series) -> float:
    constant = a.nunique() < 2 or b.nunique() < 2
    return 0.0 if constant else float(spearmanr(a, b).statistic)
