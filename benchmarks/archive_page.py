"""The figures of an archive as a section of docs/benchmarks.md."""

from __future__ import annotations

from typing import Any

from markdown_table import table


def section(figures: dict[str, Any]) -> str:
    """Write the section; every number in it comes from `figures`."""
    growth, ray = figures["growth"], figures["ray"]
    first, last = growth[0], growth[-1]
    head = ("cases", "in one piece, s a case", "in shards", "shards that are there")
    rows = [
        (f"{row['cases']:.0f}", *(f"{row[name]:.3f}" for name in ("whole", "shards", "again")))
        for row in growth
    ]
    workers = [
        (
            f"{row['workers']:.0f}",
            f"{row['seconds']:.1f}",
            f"{row['again']:.1f}",
            f"{3600 * last['cases'] / (row['seconds'] - row['again']):,.0f}",
        )
        for row in ray
    ]
    pure = [row["seconds"] - row["again"] for row in ray]
    return f"""## An archive

`python benchmarks/archive.py --write`: saved probabilities ({figures["samples"]} samples of three
classes, {" x ".join(map(str, figures["shape"]))} voxels), the full feature schema, one process on
one core; wall times.

{table(head, rows)}

An archive {last["cases"] / first["cases"]:.0f} times as large costs
{last["whole"] / first["whole"]:.2f} times as much a case in one piece, and
{last["shards"] / first["shards"]:.2f} times in shards. Finding that a shard is there takes
{last["again"] / last["shards"]:.1%} of the time of extracting it.

Through Ray, with the {last["cases"]:.0f} cases and this machine's two cores:

{table(("workers", "s in all", "s with nothing to do", "cases an hour without the start"), workers)}

Without the start of Ray two workers take {pure[1] / pure[0]:.2f} of the time of one."""
