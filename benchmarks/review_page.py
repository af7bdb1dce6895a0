"""The figures of the review benchmark as a section of docs/benchmarks.md."""

from __future__ import annotations

from typing import Any

from markdown_table import table
from review_measure import DICE_THRESHOLD, FOUND, LOOKED, WRONG_BELOW

NAMES = {
    "wrong_ml": "Wrong voxels",
    "wrong_slice": "Wrong slices",
    "intolerable_ml": "Wrong voxels beyond tolerance",
}
SHARES = [f"{100 * looked:.0f}" for looked in LOOKED]


def section(figures: dict[str, Any]) -> str:
    """Write the section; every number in it comes from `figures`."""
    return "\n\n".join(
        [
            _head(figures),
            *(_target(figures, target) for target in figures["limits"]),
            _reranked(figures),
            _dice(figures),
            _patches(figures),
            _limits(),
        ]
    )


def _head(figures: dict[str, Any]) -> str:
    versions = ", ".join(f"{name} {number}" for name, number in figures["versions"].items())
    beyond = figures["unlisted"]
    return f"""## Review: how soon the errors are found

`python benchmarks/review.py --write`: {figures["date"]}, {figures["minutes"]} minutes on
{figures["processes"]} processes; {versions}.

Hippocampus, {figures["patients"]} patients of the pool, each scan as it is and degraded
({figures["cases"]} cases), the fused mask of five U-Nets. One list of the slices of all cases
({figures["slices"]} slices that hold some of the mask or a doubtful voxel); who opens a slice sees
both structures, and finds what is wrong in it. On no listed slice, and never found, are
{_percent(beyond["wrong_ml"])} of the wrong voxels and {_percent(beyond["wrong_slice"])} of the
wrong slices: ends of a structure that the mask lacks and no map doubts.

![Share of wrong voxels found, by share of the slices looked at](review.svg)

Area under the curve of errors found against slices looked at (a random order: about 0.5), and share
found once 10, 20 and 30 % of the slices were looked at, each with a 95 % interval of a bootstrap by
patient. *Saved*: slices saved against the order of the volumes until {_percent(FOUND)} of the
errors are found. *Within a case*: mean area over cases, each case's slices a list of their own.
Scores are those of `slice_rows`; "case, then ..." opens the case of the lowest Soft Dice Confidence
first; "largest mask" knows nothing of the samples: the slice with most judged voxels first;
re-ranked: the list is made anew after each slice with what was found in it (`after_correction`,
correlation in brackets)."""


def _target(figures: dict[str, Any], target: str) -> str:
    said = {
        "wrong_ml": "Found is the volume of wrong voxels.",
        "wrong_slice": f"{figures['wrong_slices']} slices in which the Dice of a structure is "
        f"below {WRONG_BELOW:g}: mostly the small ends of a structure.",
        "intolerable_ml": "Found is the volume of errors farther than 4.6 mm outside or 3.1 mm "
        "inside the reference's surface that hang together in 10 voxels or more (Sander et al. "
        f"2020); {figures['intolerable_slices']} slices hold some.",
    }[target]
    mine = [row for row in figures["rows"] if row["target"] == target]
    lines = [
        (
            row["order"].replace("_", " "),
            _interval(row, "area", 1.0, 2),
            *(_interval(row, f"found_{share}", 100.0, 0) for share in SHARES),
            "–" if row["saved"] is None else _percent(row["saved"]),
            f"{row['within']:.2f}",
        )
        for row in sorted(mine, key=lambda row: -row["area"])
    ]
    fixed = [
        (f"*{name}*", f"{values[0]:.2f}", *(f"{100 * each:.0f}" for each in values[1:]), "", "")
        for name, values in figures["limits"][target].items()
    ]
    found = [f"found at {share} % (%)" for share in SHARES]
    heads = ("order", "area", *found, "saved", "within a case")
    return f"### {NAMES[target]}\n\n{said}\n\n{table(heads, [fixed[0], *lines, fixed[1]])}"


def _reranked(figures: dict[str, Any]) -> str:
    orders = list(dict.fromkeys(row["order"] for row in figures["reranked"]))
    cells = {(row["order"], row["target"]): row for row in figures["reranked"]}
    lines = [
        (
            order.replace("_", " "),
            *(
                _interval(cells[order, target], "difference", 1.0, 3)
                for target in figures["limits"]
            ),
        )
        for order in orders
    ]
    heads = ("order", *(NAMES[target].lower() for target in figures["limits"]))
    return f"""### Whether ranking again helps

Area less that of the same score without ranking again, with a 95 % interval of the same draws.

{table(heads, lines)}"""


def _dice(figures: dict[str, Any]) -> str:
    budgets = ["0", *SHARES]
    rows = sorted(figures["dice"], key=lambda row: -row["mean_20"])
    lines = [
        (
            row["order"].replace("_", " "),
            *(
                f"{row[f'mean_{share}']:.3f} ({100 * row[f'bad_{share}']:.1f} %)"
                for share in budgets
            ),
        )
        for row in rows
    ]
    heads = ("order", *(f"{share} % looked at" for share in budgets))
    return f"""### Dice once the first slices are corrected

Mean Dice of all masks, and share of masks with Dice of at most {DICE_THRESHOLD:g}, if every slice
looked at becomes the reference.

{table(heads, lines)}"""


def _patches(figures: dict[str, Any]) -> str:
    rows = [
        (
            row["order"].replace("_", " "),
            f"{row['area']:.2f}",
            *(f"{100 * row[f'found_{share}']:.0f}" for share in SHARES),
        )
        for row in figures["patches"]
    ]
    heads = ("patches by the sum of", "area", *(f"found at {share} % (%)" for share in SHARES))
    return f"""### Patches

{figures["patches"][0]["patches"]} patches of 8 x 8 voxels of a slice and structure that hold some
of the mask or a doubtful voxel; found is the number of wrong voxels.

{table(heads, rows)}"""


def _limits() -> str:
    return """### What these figures do not say

- A person is taken to see every error of a slice, and each slice to cost the same.
- Most wrong voxels lie along a surface, so the largest slices hold many: what the samples add to
  size shows in the errors beyond tolerance.
- A list across cases rewards large structures and bad cases; *within a case* does not.
- A sum favours slices with much surface, a Dice small slices: each finds its own kind of error.
- Re-ranked orders know the reference of the slices looked at, as a person who corrected them does.
- One data set of small structures, simulated degradations. No default promises a share."""


def _interval(row: dict[str, Any], name: str, factor: float, digits: int) -> str:
    value, low, high = (factor * row[name + end] for end in ("", "_low", "_high"))
    return f"{value:.{digits}f} [{low:.{digits}f}, {high:.{digits}f}]"


def _percent(share: float) -> str:
    return f"{100 * share:.0f} %" if share >= 0.01 or share <= 0 else f"{100 * share:.1f} %"
