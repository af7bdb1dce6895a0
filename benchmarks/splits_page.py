"""The figures of the splits benchmark as sections of docs/benchmarks.md, one for each data set."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pandas as pd
from markdown_table import table
from splits_methods import OURS
from splits_page_data import LIMITS, TITLES, TRIED, about
from splits_page_summary import floor, ratios

BAND = (0.892, 0.910)
WORLD_TITLES = {
    "mixed": "each patient clean or degraded, at random",
    "clean": "clean images only",
    "degraded": "degraded images only",
}
METHODS = """Every method sees the same rows. Ours fits its quality predictor anew in each split, on
the fit patients alone. MAPIE gets all features and the structure. "Performance range" takes the
Dice of each member to the fused mask: their 5 % and 95 % quantiles, conformalised as quantile
regression, or their mean with the standard deviation as scale. "Pairwise Dice" and "Soft Dice
Confidence" are one feature each: isotonic regression predicts Dice, the raw value ranks. An empty
predicted mask has the interval [0, 1] and is referred, whatever the method; it is left out of
coverage and width. "whole_case" is the worst structure of a case."""


def section(figures: dict[str, Any]) -> str:
    """Write the sections; every number in them comes from `figures`."""
    sections = [_of_data(data, figures[data]) for data in TITLES if data in figures]
    return "\n\n".join([*sections, TRIED, LIMITS]) + "\n"


def _of_data(data: str, figures: dict[str, Any]) -> str:
    worlds = [world for world in WORLD_TITLES if world in figures["chosen"]]
    parts = [about(data, figures), _dice(figures), METHODS, _band(figures), ratios(figures)]
    parts.append(floor(figures))
    for world in worlds:
        parts += [
            f"### {TITLES[data]}: {WORLD_TITLES[world]}",
            _chosen(figures["chosen"][world], figures["splits"]),
            _intervals(figures, world),
            _acceptance(figures, world),
            _ranking(figures, world),
        ]
    return "\n\n".join(parts)


def _dice(figures: dict[str, Any]) -> str:
    return table(
        ("images", "structure", "mean Dice", "5 % quantile", "median", "Dice ≤ 0.8", "empty masks"),
        (
            (
                row["version"],
                row["structure"],
                _two(row["mean"]),
                _two(row["p05"]),
                _two(row["median"]),
                _share(row["bad"]),
                row["empty"],
            )
            for row in figures["dice"]
        ),
    )


def _band(figures: dict[str, Any]) -> str:
    rows = [row for row in figures["intervals"] if row["method"] == OURS]
    inside = [row for row in rows if BAND[0] <= row["coverage"] <= BAND[1]]
    outside = "; ".join(
        f"{row['world']} {row['structure']} {row['coverage']:.4f}"
        for row in rows
        if row not in inside
    )
    pooled = pd.DataFrame(rows)
    pooled = pooled[pooled["structure"] != "whole_case"].groupby("world", sort=False)["coverage"]
    means = ", ".join(f"{world} {value:.4f}" for world, value in pooled.mean().items())
    return (
        f"Mean coverage at 90 % has to lie in {BAND[0]} to {BAND[1]} (80 calibration patients give "
        f"73/81 = 0.901): {len(inside)} of {len(rows)} rows of ours do"
        + (f"; outside: {outside}" if outside else "")
        + f". Structures pooled: {means}. This checks arithmetic and leakage, not skill."
    )


def _chosen(counts: dict[str, int], splits: int) -> str:
    most = [f"{name} ({count})" for name, count in list(counts.items())[:4]]
    return f"Powers of the scale, (1 − Dice) to it, chosen in {splits} splits: {'; '.join(most)}."


def _intervals(figures: dict[str, Any], world: str) -> str:
    differences = {
        (row["method"], row["structure"]): row
        for row in figures["differences"]
        if row["world"] == world
    }

    def less_ours(row: dict[str, Any]) -> str:
        one = differences.get((row["method"], row["structure"]))
        if one is None:
            return ""
        return f"{one['difference']:+.3f} [{one['low']:+.3f}, {one['high']:+.3f}]"

    rows = [row for row in figures["intervals"] if row["world"] == world]
    return "#### Intervals at 90 %\n\n" + table(
        (
            "method",
            "structure",
            "coverage (5–95 % of splits)",
            "mean width",
            "width less ours, by patient [95 %]",
        ),
        (
            (
                row["method"],
                row["structure"],
                f"{row['coverage']:.3f} ({_two(row['coverage_low'])}–{_two(row['coverage_high'])})",
                f"{row['width']:.3f}",
                less_ours(row),
            )
            for row in rows
        ),
    )


def _acceptance(figures: dict[str, Any], world: str) -> str:
    rows = [row for row in figures["acceptance"] if row["world"] == world]
    return (
        "#### Accepting Dice > 0.8, confidence 90 %\n\n"
        "Share of splits with a certificate, mean share of test cases accepted (0 where there is "
        "no certificate), error among all accepted, and the number of splits whose error an exact "
        "binomial test rejects at 1 %.\n\n"
        + table(
            (
                "method",
                "structure",
                "tolerated error",
                "certified",
                "accepted",
                "error",
                "rejected",
            ),
            (
                (
                    row["method"],
                    row["structure"],
                    f"{row['tolerated']:.2f}",
                    _share(row["certified"]),
                    _share(row["accepted"]),
                    "–" if row["error"] is None else f"{row['error']:.3f}",
                    int(row["rejected"]),
                )
                for row in rows
            ),
        )
    )


def _ranking(figures: dict[str, Any], world: str) -> str:
    rows = [row for row in figures["rankings"] if row["world"] == world]
    return (
        "#### Predicting and ranking\n\n"
        "AURC (lower is better) of 1 − Dice and, in brackets, of Dice ≤ 0.8; the best possible is "
        f"{_best(rows)}.\n\n"
        + table(
            ("method", "structure", "AURC", "Pearson", "Spearman", "MAE"),
            (
                (
                    row["method"],
                    row["structure"],
                    f"{row['aurc']:.4f} ({row['aurc_bad']:.3f})",
                    _two(row["pearson"]),
                    _two(row["spearman"]),
                    f"{row['mae']:.3f}",
                )
                for row in rows
            ),
        )
    )


def _best(rows: Sequence[dict[str, Any]]) -> str:
    best = {row["structure"]: row["aurc_best"] for row in rows}
    return ", ".join(f"{structure} {value:.4f}" for structure, value in best.items())


def _two(value: float) -> str:
    return f"{value:.2f}"


def _share(value: float) -> str:
    return f"{100 * value:.0f} %"
