"""The figures of the promises as a section of docs/benchmarks.md."""

from __future__ import annotations

from typing import Any

from guarantees_rows import HEAD, POWER_AT, promise_rows
from markdown_table import table

PARTS = {
    "intervals": ("Intervals on Dice", "Power is the mean width (mm for the distance)."),
    "accept": ("Accept threshold", "Power is the mean share accepted."),
    "patients": ("Repeated patients", "Power is the mean width."),
    "release": ("Batches and joint risk", "Power is the mean share accepted."),
    "masks": ("Masks", ""),
}


def section(figures: dict[str, Any]) -> str:
    """Write the section; every number in it comes from `figures`."""
    cells = figures["promises"]
    parts = [_head(figures, cells)]
    for part, (title, power) in PARTS.items():
        rows = promise_rows(cell for cell in cells if cell["part"] == part)
        text = f"### {title}\n\n" + (f"{power}\n\n" if power else "") + table(HEAD, rows)
        parts.append(text)
        if part == "accept":
            parts += [_flat(cells), _by_size(cells), _rules(figures["rules"])]
    return "\n\n".join([*parts, _ranks(figures["ranks"]), _speed(figures["speed"]), _limits()])


def _head(figures: dict[str, Any], cells: list[dict[str, Any]]) -> str:
    versions = ", ".join(f"{name} {number}" for name, number in figures["versions"].items())
    kept = sum(cell["passes"] for cell in cells)
    kinds: dict[tuple[str, ...], bool] = {}
    for cell in cells:
        key = cell["promise"], cell["world"], cell["twin"]
        kinds[key] = kinds.get(key, False) or cell["caught"]
    sizes = ", ".join(
        str(cell["n"])
        for cell in cells
        if (cell["promise"], cell["world"]) == ("interval", "cases")
    )
    fewest, most = (pick(cell["draws"] for cell in cells) for pick in (min, max))
    return f"""## Guarantees: every promise simulated, beside a twin that breaks it

`python benchmarks/guarantees.py --write` (`--quick`: seconds, as in the tests):
{figures["date"]}, {figures["machine"]}, {figures["minutes"]} minutes; {versions}.

**{kept} of {len(cells)} cells keep their promise; {sum(kinds.values())} of {len(kinds)} twins are
caught.** A cell is one promise in one world at n calibration patients, over {fewest} to {most}
draws of the calibration. Its band is exact (binomial) where a draw keeps or breaks the promise,
and normal where draws are averaged; the chance that any of all cells leaves its band, though every
promise just holds, is {100 * figures["family_error"]:g} %. Where theory gives the rate itself, as
k / (n + 1) for the coverage of continuous errors, the band has two sides. The twin breaks one rule
on purpose and is judged by the same band. A row gathers n = {sizes}, or those of them in its range,
and shows the n whose rate lies nearest to its limit, and the power at n = {POWER_AT} or at the n in
brackets, of others on the same draws. Miscoverage and tolerated error are .1 and confidence is .9
unless said otherwise."""


def _flat(cells: list[dict[str, Any]]) -> str:
    exact = {cell["world"]: cell["expected"] for cell in cells if cell["world"][:4] == "flat"}
    rates = " and ".join(f"{value:.4f} ({world})" for world, value in exact.items())
    return f"""In the world "cases" 44 % of masks are bad, and δ = .05. "Flat": the score says
nothing and the error is exactly α, so that each certificate counts as a violation. The rate is then
known exactly, {rates}: below δ, which a binomial test of few accepted patients cannot spend in
full. With the shipped start the twin p ≤ 2 δ is told by that exact rate; with a start five times
later by δ as well."""


def _by_size(cells: list[dict[str, Any]]) -> str:
    starts = {"factor": "cases, start by factor", "labels": "cases, start by labels"}
    found = {
        (cell["n"], start): cell
        for cell in cells
        for start, world in starts.items()
        if cell["promise"] == "accept: violations" and cell["world"] == world
    }
    sizes = sorted({n for n, _ in found})

    def shown(n: int, start: str) -> tuple[str, str]:
        cell = found.get((n, start))
        if cell is None:
            return "", ""
        accepted = cell["power"]
        return f"{accepted['ours']:.4f} ± {accepted['se']:.4f}", f"{cell['realised']:.4f}"

    rows = [(n, *shown(n, "factor"), *shown(n, "labels")) for n in sizes]
    head = (
        "n",
        "accepted, start by factor",
        "violations",
        "accepted, start by labels",
        "violations",
    )
    return '#### Acceptance in the world "cases" by n\n\n' + table(head, rows)


def _rules(rows: list[dict[str, Any]]) -> str:
    columns = list(dict.fromkeys((row["world"], row["n"]) for row in rows))
    by = {(row["rule"], row["world"], row["n"]): row for row in rows}
    oracle = {(row["world"], row["n"]): row["oracle"] for row in rows}

    def shown(rule: str, column: tuple[str, int]) -> str:
        row = by[rule, *column]
        text = f"{row['accepted']:.3f} ({row['violations']:.3f})"
        # at more than three standard errors from the shipped rule, by draw
        return f"**{text}**" if row["valid"] and row["more"] > 3 * row["more_se"] > 0 else text

    lines = [
        (rule if valid else f"*{rule}*", *(shown(rule, column) for column in columns))
        for rule, valid in {row["rule"]: row["valid"] for row in rows}.items()
    ]
    lines.append(("best possible", *(f"{oracle[column]:.3f}" for column in columns)))
    head = ("rule", *(f"{world}, n = {n}" for world, n in columns))
    error = max(row["more_se"] for row in rows if row["valid"])
    return f"""#### Other rules on the same draws

Mean share accepted and, in brackets, share of violations (δ = .05); bold where a valid rule
accepts more than the shipped one by over three standard errors of the difference by draw (at most
{error:.3f} each). *Italics*: no theorem. All rules but MAPIE's and the other grids test the shipped
grid.

{table(head, lines)}"""


def _ranks(ranks: dict[str, Any]) -> str:
    few = ranks["few"]
    return f"""### The rank of the quantile

Over every n from 1 to {ranks["largest"]} and {ranks["levels"]} levels, {ranks["pairs"]} pairs, our
rank differs from exact whole-number arithmetic in {ranks["ours off"]}. In {ranks["defined"]} of
them a finite interval exists: MAPIE refuses {ranks["MAPIE refuses"]} of these and is otherwise
off in {ranks["MAPIE off"]}; crepes is off by one, or infinite, in {ranks["crepes off"]}. At 90 %
nine patients give [{few["9"][0]:.2f}, {few["9"][1]:.2f}] around .5 and eight [{few["8"][0]:g},
{few["8"][1]:g}]. Wherever MAPIE's split, normalised, one-sided and quantile intervals are defined,
clipped to [0, 1], ours differ by at most {ranks["difference"]:.0e}."""


def _speed(speed: dict[str, Any]) -> str:
    names = ("numpy floor", "ours", "MAPIE", "crepes")
    lines = [
        (
            row["kind"],
            *(f"{row['ms'][name]:.1f}" for name in names),
            f"{row['ms']['ours'] / row['ms']['numpy floor']:.2f}",
            f"{row['ms']['ours'] - row['ms']['numpy floor']:+.1f}",
        )
        for row in speed["intervals"]
    ]
    head = ("interval", *(f"{name}, ms" for name in names), "ours / floor", "ours less floor, ms")
    mask = speed["mask"]
    return f"""### Time

{speed["cases"]} intervals, best of many runs in turn, on one core; load before:
{speed["load"]}. The floor is the fewest numpy passes that give both ends, clipped, without any
check.

{table(head, lines)}

One case of {speed["side"]}³ voxels: FNR and FDR at every threshold in {mask["ours"]:.1f} ms;
MAPIE's controller computes the FNR at 100 thresholds in {mask["MAPIE"]:.0f} ms,
{mask["MAPIE"] / mask["ours"]:.0f} times as long."""


def _limits() -> str:
    return """### What these figures do not say

- Simulated patients are independent and identically distributed, and known weights are known; real
  ones may be neither. The promises say what they assume.
- A rate of 0 with a band up to the promise, as of the betting tests, shows that the promise is kept
  and that the test is far from spending its δ.
- Widths and acceptances are those of these worlds; what the methods reach on real volumes stands in
  the sections on hippocampus."""
