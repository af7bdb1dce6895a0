"""The figures of the engine's benchmark as a section of docs/benchmarks.md."""

from __future__ import annotations

from collections.abc import Sequence
from math import prod
from typing import Any

from markdown_table import table

PAIRS, FAST, SHARE, SAME = 30.0, 3.0, 0.05, 1e-6  # the targets
HEADLINE = [10, 4, [96, 192, 192]]


def section(figures: dict[str, Any]) -> str:
    """Write the section; every number in it comes from `figures`."""
    parts = [_head(figures), _targets(figures), _pairs(figures["pairs"]), _time(figures["time"])]
    if figures["memory"]:
        parts.append(_memory(figures["memory"]))
    return "\n\n".join([*parts, _forward(figures["forward"]), _limits()])


def _head(figures: dict[str, Any]) -> str:
    machine = figures["machine"]
    versions = ", ".join(f"{name} {number}" for name, number in figures["versions"].items())
    return f"""## The uncertainty engine: speed and memory

`python benchmarks/uncertainty.py --write`: {figures["date"]}, {machine["cores"]} CPU cores
({machine["processor"]}), {machine["threads"]} threads, load {machine["load_before"]} at the start,
Python {machine["python"]}, {figures["minutes"]} minutes; {versions}.

Whatever is compared ran in turn in one process, sample by sample, and the median is shown: ratios
mean something on another machine, milliseconds do not. "Plain" is the accumulator as installed,
"fast" the same with `fast=True` (extra `[fast]`, compiled by numba in about three seconds once per
process, which is not counted). Samples are given as float32 probabilities."""


def _targets(figures: dict[str, Any]) -> str:
    pairs, row = figures["pairs"], _headline(figures["time"])
    lines = [
        _target(
            f"pairwise Dice {start} at least {PAIRS:.0f} times as fast as the loop",
            f"{pairs['times_faster'][name]:.0f} times",
            pairs["times_faster"][name] >= PAIRS and pairs["distance"] <= SAME,
        )
        for name, start in _STARTS.items()
    ]
    lines += [
        _target(
            f"an update with `fast=True` at most {FAST:.0f} times `log_softmax` of the same sample",
            _times(row["ratio"]["fast"]),
            row["ratio"]["fast"] <= FAST,
        ),
        _target(
            "the same with the maps and the structure measures from the bit-planes, once for all "
            "samples",
            _times(row["case_ratio"]["fast"]),
            row["case_ratio"]["fast"] <= FAST,
        ),
        _target(
            "the same with all standard features in their place (shapes, probabilities, entropies)",
            _times(row["case_ratio"]["fast_standard"]),
            None,
        ),
        _target(
            "the same values in every row, to 1e-6",
            f"{_distance(figures):.1e}",
            _distance(figures) <= SAME,
        ),
    ]
    for model in figures["forward"]:
        share = model["share"]
        lines.append(
            _target(
                f"an update at most {SHARE:.0%} of the forward pass, {_model(model)}",
                f"plain {share['plain']:.1%}, fast {share['fast']:.1%}",
                share["plain"] <= SHARE if model["parameters"] > 2e7 else None,
            )
        )
    return table(("target", "measured", "met"), lines)


def _target(what: str, measured: str, met: bool | None) -> Sequence[str]:
    return what, measured, {True: "yes", False: "**no**", None: "no target"}[met]


_STARTS = {
    "planes": "from the bit-planes the accumulator holds",
    "fast": "from the probabilities, with `fast=True`,",
    "plain": "from the probabilities, plain,",
}


def _pairs(pairs: dict[str, Any]) -> str:
    ms, faster = pairs["ms"], pairs["times_faster"]
    rows = [
        ("most probable class and one-hot masks, which the loop needs", _ms(ms["one_hot"]), "", ""),
        ("MONAI `compute_dice` of each pair in a nested loop", _ms(ms["monai"]), "1", ""),
        *(
            (
                f"ours {start.strip(',')}",
                _ms(ms[name]),
                f"{ms['monai'] / ms[name]:.0f}",
                "" if name == "planes" else f"{faster[name]:.0f}",
            )
            for name, start in _STARTS.items()
        ),
    ]
    return f"""### Pairwise Dice of {_case(pairs)}

{table(("way", "ms", "times as fast as the loop", "as the loop with its masks made"), rows)}

The largest difference of any Dice is {pairs["distance"]:.1e}. The targets compare like with like:
the loop alone where masks and bit-planes are ready, the loop with its masks made where both begin
at the probabilities."""


def _time(rows: list[dict[str, Any]]) -> str:
    head = (
        "samples",
        "classes",
        "grid",
        "`log_softmax`",
        "update, plain",
        "update, fast",
        "fast / `log_softmax`",
        "case, plain",
        "case, fast",
        "fast, with features",
        "stacking",
        "largest difference",
    )
    lines = [
        (
            *_sizes(row),
            *(_ms(row["ms"][name]) for name in ("log_softmax", "plain", "fast")),
            f"{row['ratio']['fast']:.2f}",
            *(_ms(row["case_ms"][name]) for name in ("plain", "fast", "fast_standard", "stack")),
            f"{max(row['distance'].values()):.0e}",
        )
        for row in rows
    ]
    first = _headline(rows)
    return f"""### Milliseconds for each sample

Maps: mean probability, predictive and expected entropy, mutual information, EPKL and variance; the
masks of every class but the background as bit-planes. "Update" is what each sample costs;
"case" adds the maps and the structure measures from the bit-planes (pairwise Dice, IoU, volumes,
votes, Dice to the judged mask), divided by the number of samples; "with features" has the standard
features of all structures in their place, shapes among them. "Stacking" keeps all samples in one
tensor and computes the same maps and the mean pairwise Dice, nothing else.

{table(head, lines)}

`log_softmax` writes into new memory at every call, as it does in a model. Into memory that it has
already it takes {_ms(first["ms"]["log_softmax_reused"])} ms in the first row, of which an update
with `fast=True` is {_times(first["ratio_reused"])}."""


def _memory(rows: list[dict[str, Any]]) -> str:
    lines = [
        (*_sizes(row), f"{_sample_mb(row):.0f}", *(_peak(row[name]) for name in _METHODS))
        for row in rows
    ]
    head = ("samples", "classes", "grid", "one sample", "plain", "fast", "stacking")
    return f"""### Peak memory in MB of a whole case, above the inputs

Each figure from a process of its own: the highest resident memory over all updates, the maps and
the features, less what was there before the first sample. Samples are made one at a time in one
buffer, which is not counted; of the stack only itself and what is computed from it is.

{table(head, lines)}

{_growth(rows)}"""


_METHODS = ("plain", "fast", "stack")


def _growth(rows: list[dict[str, Any]]) -> str:
    grid = rows[0]["classes"], rows[0]["spatial"]
    same = [row for row in rows if (row["classes"], row["spatial"]) == grid]
    few, many = same[0], max(same, key=lambda row: row["samples"])
    more, voxels = many["samples"] - few["samples"], prod(few["spatial"])
    planes = more / 8 * (few["classes"] - 1) * voxels / 2**20
    grown = {
        name: f"{many[name]['peak_mb'] - few[name]['peak_mb']:.0f} MB"
        if "peak_mb" in many[name]
        else "more than fits"
        for name in _METHODS
    }
    return f"""From {few["samples"]} to {many["samples"]} samples ({_case(few, count=False)}) plain
grows by {grown["plain"]}, fast by {grown["fast"]}, stacking by {grown["stack"]}. One bit for each
sample, structure and voxel is {_ms(planes)} MB; ours holds nothing else that grows, and copies a
structure's bits while its features are computed."""


def _forward(rows: list[dict[str, Any]]) -> str:
    lines = [
        (
            row["model"],
            f"{row['parameters'] / 1e6:.1f}",
            _grid(row["spatial"]),
            row["classes"],
            *(_ms(row["ms"][name]) for name in ("forward", "plain", "fast")),
            *(f"{row['share'][name]:.1%}" for name in ("plain", "fast")),
        )
        for row in rows
    ]
    head = (
        "model",
        "million parameters",
        "grid",
        "classes",
        "forward, ms",
        "update, plain",
        "update, fast",
        "share, plain",
        "share, fast",
    )
    return f"""### Share of the model's own forward pass on this processor

{table(head, lines)}"""


def _limits() -> str:
    return """A GPU is not measured here. Where several processes share the cores, all times grow
and the ratios least."""


def _headline(rows: list[dict[str, Any]]) -> dict[str, Any]:
    found = [r for r in rows if [r["samples"], r["classes"], r["spatial"]] == HEADLINE]
    return (found or rows)[0]


def _distance(figures: dict[str, Any]) -> float:
    rows = [max(row["distance"].values()) for row in figures["time"]]
    return float(max(figures["pairs"]["distance"], *rows))


def _case(row: dict[str, Any], count: bool = True) -> str:
    samples = f"{row['samples']} samples, " if count else ""
    return f"{samples}{row['classes']} classes, {_grid(row['spatial'])}"


def _model(row: dict[str, Any]) -> str:
    return f"{row['model']}, {row['parameters'] / 1e6:.1f} million parameters"


def _sizes(row: dict[str, Any]) -> tuple[int, int, str]:
    return row["samples"], row["classes"], _grid(row["spatial"])


def _grid(spatial: Sequence[int]) -> str:
    return "×".join(map(str, spatial))


def _sample_mb(row: dict[str, Any]) -> float:
    return float(4 * row["classes"] * prod(row["spatial"]) / 2**20)


def _peak(found: dict[str, Any]) -> str:
    return f"{found['peak_mb']:.0f}" if "peak_mb" in found else f"left out: {found['skipped']}"


def _ms(value: float) -> str:
    return f"{value:.0f}" if value >= 20 else f"{value:.1f}"


def _times(ratio: float) -> str:
    return f"{ratio:.2f} times"
