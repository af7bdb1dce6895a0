"""The verified merges as a section of docs/benchmarks.md."""

from __future__ import annotations

from typing import Any

from markdown_table import table

HEAD = (
    *("candidate", "tolerated harm", "allowed fall", "certified", "regions accepted"),
    *("patients touched", "harmed of these", "harmed by taking all", "splits above"),
    *("Dice: merged [95 %]", "Dice: all taken [95 %]", "merged less all [95 %]"),
)


def section(figures: dict[str, Any]) -> str:
    """Write the section; every number in it comes from `figures`."""
    rows = figures["rows"]
    per_case = {row["candidate"]: row["regions_per_case"] for row in rows}
    counts = "; ".join(f"{name}: {count:.0f}" for name, count in per_case.items())
    return f"""## A second opinion, merged region by region

`SEGQC_DATA=... python benchmarks/refinement.py --write`. The mask of one U-Net on hippocampus
volumes, about half of them degraded, is judged (mean Dice {figures["judged_dice"]:.3f}); another
mask is offered. Regions in which they differ, per case: {counts}. In each of {rows[0]["splits"]}
splits of the 220 held-out patients, {figures["fit"]} fit the region model (boosted trees),
{figures["calibrate"]} calibrate, {figures["test"]} are merged. Harmed: some structure's Dice falls
by more than the allowed fall. Certified: share of splits; where nothing is certified, masks stay as
they are, and count so. "Splits above": certified splits in which more than the tolerated share of
the touched test patients were harmed, as chance alone gives in some, and in brackets those in which
a binomial test says so at 1 %. Dice: mean change by patient and structure, to taking nothing, with
a bootstrap interval by patient.

{table(HEAD, [_row(row) for row in rows])}"""


def _row(row: dict[str, Any]) -> tuple[str, ...]:
    certified = round(row["certified"] * row["splits"])
    return (
        row["candidate"],
        f"{row['tolerated_harm']:.2f}",
        f"{row['allowed_fall']:.2f}",
        f"{row['certified']:.2f}",
        f"{row['regions']:.2f}",
        f"{row['touched']:.2f}",
        "–" if row["harmed"] is None else f"{row['harmed']:.3f}",
        f"{row['harmed_all']:.3f}",
        f"{row['above']} of {certified} ({row['rejected']})",
        *(_interval(row[name]) for name in ("merged_change", "all_change", "difference")),
    )


def _interval(found: list[float]) -> str:
    value, low, high = found
    return f"{value:+.4f} [{low:+.4f}, {high:+.4f}]"
