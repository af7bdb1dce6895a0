"""Reverse classification accuracy as a section of docs/benchmarks.md."""

from __future__ import annotations

from typing import Any

from markdown_table import table
from reverse_classification_measure import ALONE


def section(figures: dict[str, Any]) -> str:
    """Write the section; every number in it comes from `figures`."""
    parts = [
        f"""## Reverse classification accuracy

`SEGQC_DATA=... python benchmarks/reverse_classification.py --write`. Hippocampus,
{figures["patients"]} final-test patients, one case each, clean or degraded;
{figures["references"]} references and {figures["choosing"]} further patients, by whom settings were
chosen, are of the pool. The {figures["nearest"]} references nearest to the image are segmented; the
score is the largest reverse Dice. The regressor (linear) is cross-fitted on the reported cases by
patient, from pairwise Dice and Soft Dice Confidence, and with maximum and median reverse Dice
besides. Brackets: 95 % bootstrap interval by patient. "Less": AURC less that of the regressor
without reverse Dice. Empty predictions left out: {figures["left_out"]} rows.""",
        table(
            ("backend", "chosen settings", "among", "processor seconds a case"),
            [
                (name, f"`{of['settings']}`", of["candidates"], f"{of['seconds']:.2f}")
                for name, of in figures["backends"].items()
            ],
        ),
    ]
    for structure in dict.fromkeys(row["structure"] for row in figures["rows"]):
        rows = [row for row in figures["rows"] if row["structure"] == structure]
        parts.append(f"**{structure}** ({rows[0]['cases']} cases)")
        parts.append(
            table(
                ("score", "Spearman", "Pearson", "AURC", "less"),
                [
                    (
                        row["score"],
                        _number(row["spearman"], ".2f"),
                        _number(row["pearson"], ".2f"),
                        _number(row["aurc"], ".4f"),
                        _number(row["less"], "+.4f"),
                    )
                    for row in sorted(rows, key=lambda row: float(row["aurc"][0]))
                ],
            )
        )
    parts.append(_verdict(figures["rows"]))
    return "\n\n".join(parts)


def _number(values: list[float], form: str) -> str:
    value, low, high = (format(value, form) for value in values)
    return f"{value} [{low}, {high}]"


def _verdict(rows: list[dict[str, Any]]) -> str:
    added = [row for row in rows if row["score"].startswith(f"{ALONE} +")]
    gains = [row for row in added if row["less"][2] < 0.0]
    if not gains:
        return (
            "Reverse Dice beside the two uncertainty features lowers AURC for no backend and "
            "structure beyond what these patients could show by chance."
        )
    named = ", ".join(f"{row['structure']} ({row['score'].split(' + ')[1]})" for row in gains)
    return f"Reverse Dice beside the two uncertainty features lowers AURC for: {named}."
