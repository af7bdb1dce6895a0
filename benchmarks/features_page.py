"""The figures of the feature benchmark as a section of docs/benchmarks.md."""

from __future__ import annotations

from typing import Any

import numpy as np
from features_columns import correlations, two
from features_leading import what_leads, with_dropout
from markdown_table import table

MAP_MEANS = ("entropies", "map_means")  # groups of means of a map over the judged mask


def section(figures: dict[str, Any]) -> str:
    """Write the section; every number in it comes from `figures`."""
    return "\n\n".join(
        [
            _head(figures),
            _dice(figures),
            what_leads(figures),
            with_dropout(figures),
            _map_means(figures),
            _all(figures),
            _limits(),
        ]
    )


def _head(figures: dict[str, Any]) -> str:
    versions = ", ".join(f"{name} {number}" for name, number in figures["versions"].items())
    return f"""## Features: what each of {len(figures["features"])} alone says about Dice

`python benchmarks/features.py --write-docs`: {figures["date"]}, {figures["machine"]},
{figures["minutes"]} minutes (finished cases are kept and not computed again); {versions}.

Correlation of every feature of the schema `{figures["schema"]}` with the true Dice of the fused
mask of five U-Nets, one case per patient; empty predicted masks are a stratum of their own and left
out. *Hippocampus*: MR, the 160 patients of the pool, so that features may be chosen by this table
(60 more are kept for final figures); degraded by one of six faults of random strength; "shifted" is
a contrast turned round in part, as of another sequence, which no degraded scan has. *Nuclei*:
microscopy tiles of the Data Science Bowl 2018 (CC0), each a patient; fluorescence as it is and
degraded by one of five faults; "shifted" is stained and bright-field tissue, on which the models
fail altogether: a correlation among such Dice values means little."""


def _dice(figures: dict[str, Any]) -> str:
    return table(
        ("data", "images", "structure", "patients", "empty", "mean Dice", "5 %", "median", "≤ 0.8"),
        (
            (
                column["data"],
                column["version"],
                column["structure"],
                column["patients"],
                column["empty"],
                f"{column['mean']:.2f}",
                f"{column['p05']:.2f}",
                f"{column['median']:.2f}",
                f"{100 * column['bad']:.0f} %",
            )
            for column in figures["columns"]
            if column["sampler"] == "ensemble"
        ),
    )


def _map_means(figures: dict[str, Any]) -> str:
    columns = [i for i, one in enumerate(figures["columns"]) if one["sampler"] == "ensemble"]
    head = [
        f"{one['data']} {one['version']} {one['structure']}"
        for one in (figures["columns"][i] for i in columns)
    ]

    def cell(feature: dict[str, Any], i: int) -> str:
        return f"{two(feature['spearman'][i])} ({two(feature['pearson'][i])})"

    rows = [
        (f"`{one['feature'].removesuffix('_judged_mean')}`", *(cell(one, i) for i in columns))
        for one in sorted(figures["features"], key=lambda one: one["feature"])
        if one["group"] in MAP_MEANS or one["feature"] == "mean_probability"
    ]
    return f"""### Each map's mean over the structure

Mean of each uncertainty map over the judged mask: Spearman (Pearson) with Dice.

{table(("map", *head), rows)}"""


def _all(figures: dict[str, Any]) -> str:
    widths = [
        high - low
        for one in figures["features"]
        for low, high in zip(one["spearman_low"], one["spearman_high"], strict=True)
        if low is not None
    ]
    return f"""### Every feature

Spearman's correlation with Dice, averaged over the structures of a data set; "constant" where no
case differs. The 95 % interval of one structure is typically ± {np.median(widths) / 2:.2f} wide.

{correlations(figures, figures["features"], "ensemble", with_group=True)}"""


def _limits() -> str:
    return """### What these correlations do not say

- One feature at a time, no promise: a gate combines several, and its promise holds whatever they
  are worth. No default was chosen by this table.
- Among so many features the largest values are partly luck; the intervals are for one feature.
- A correlation depends on the mix of cases: degraded images spread Dice, so all correlations grow.
- Where Dice hardly varies (clean scans), the reference masks' own scatter bounds every feature.
- Degradations are simulated, the same fault is drawn for all structures of a case."""
