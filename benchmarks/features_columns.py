"""Columns of the feature benchmark: structures of a data set pooled, and features side by side."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np
from markdown_table import table

Key = tuple[str, str]  # data set and version


def correlations(
    figures: dict[str, Any],
    features: Iterable[dict[str, Any]],
    sampler: str,
    with_group: bool = False,
) -> str:
    keys = keys_of(figures, sampler)
    columns = figures["columns"]
    patients = {
        key: max(columns[i]["patients"] for i in indices(figures, key, sampler)) for key in keys
    }
    head = [f"{' '.join(key)} (n = {patients[key]})" for key in keys]
    rows = (
        [
            *([feature["group"]] if with_group else []),
            f"`{feature['feature']}`",
            *(two(pooled(figures, feature, key, sampler)) for key in keys),
        ]
        for feature in features
    )
    return table([*(["group"] if with_group else []), "feature", *head], rows)


def keys_of(figures: dict[str, Any], sampler: str) -> list[Key]:
    return list(
        dict.fromkeys(
            (one["data"], one["version"]) for one in figures["columns"] if one["sampler"] == sampler
        )
    )


def indices(figures: dict[str, Any], key: Key, sampler: str) -> list[int]:
    return [
        i
        for i, one in enumerate(figures["columns"])
        if (one["data"], one["version"], one["sampler"]) == (*key, sampler)
    ]


def pooled(figures: dict[str, Any], feature: dict[str, Any], key: Key, sampler: str) -> Any:
    values = [feature["spearman"][i] for i in indices(figures, key, sampler)]
    known = [value for value in values if value is not None]
    return float(np.mean(known)) if known else None


def two(value: float | None) -> str:
    return "constant" if value is None else f"{value:+.2f}"
