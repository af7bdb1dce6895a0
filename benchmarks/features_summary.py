"""From feature tables to the figures of the page: correlations of every feature with true Dice."""

from __future__ import annotations

from collections.abc import Mapping
from math import isnan
from typing import Any

import pandas as pd

from segqc_conformal.measures.groups import GROUPS
from segqc_conformal.quality.correlation import feature_correlations

Place = tuple[str, str, str]  # data set, version, sampler
KEPT = ("spearman", "spearman_low", "spearman_high", "pearson")


def summary(tables: Mapping[Place, pd.DataFrame]) -> dict[str, Any]:
    """Return ``columns`` (data set, version, sampler, structure, Dice) and ``features``.

    Of each feature there is one number per column, None where the feature is constant. Its group
    is the file of ``segqc_conformal/measures`` that measures it.
    """
    columns: list[dict[str, Any]] = []
    found: list[pd.DataFrame] = []
    for place, table in tables.items():
        for structure, rows in feature_correlations(table).groupby("structure", sort=False):
            columns.append(_column(place, str(structure), table, int(rows["patients"].max())))
            found.append(rows.assign(column=len(found)))
    rows = pd.concat(found)
    wide = {name: rows.pivot(index="feature", columns="column", values=name) for name in KEPT}
    groups = {
        name: {"group": group.measure.__module__.rsplit(".", 1)[1], "meaning": meaning}
        for group in GROUPS
        for name, meaning in group.meanings.items()
    }
    features = [
        {"feature": name, **groups[name]}
        | {kept: [_rounded(value) for value in wide[kept].loc[name]] for kept in KEPT}
        for name in wide["spearman"].index
    ]
    return {
        "columns": columns,
        "features": sorted(features, key=lambda one: (one["group"], one["feature"])),
    }


def _column(place: Place, structure: str, table: pd.DataFrame, patients: int) -> dict[str, Any]:
    rows = table[table["structure"] == structure]
    dice = rows["dice"].dropna()
    data, version, sampler = place
    return {
        "data": data,
        "version": version,
        "sampler": sampler,
        "structure": structure,
        "patients": patients,
        "empty": int((rows["feature_volume_ml"] == 0).sum()),
        "mean": round(float(dice.mean()), 4),
        "p05": round(float(dice.quantile(0.05)), 4),
        "median": round(float(dice.median()), 4),
        "bad": round(float((dice <= 0.8).mean()), 4),
    }


def _rounded(value: float) -> float | None:
    return None if isnan(value) else round(value, 3)
