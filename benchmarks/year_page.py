"""The figures of a simulated year as a section of docs/benchmarks.md."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from markdown_table import table

STEPS = ("judge", "log", "audit", "watch")


def row_of(month: Mapping[str, float]) -> tuple[str, ...]:
    """Return what is shown of a month."""
    return (
        f"{month['cases']:,.0f}",
        *(f"{month[step]:.0f}" for step in STEPS),
        f"{month['bytes']:.0f}",
        f"{month['state_bytes']:,.0f}",
    )


def section(figures: dict[str, Any]) -> str:
    """Write the section; every number in it comes from `figures`."""
    months, total = figures["months"], figures["days"] * figures["a_day"]
    head = (
        "cases so far",
        *(f"{step}, µs a case" for step in STEPS),
        "bytes a case",
        "bytes of the state",
    )
    rows = table(head, map(row_of, months))
    first, last = (sum(month[step] for step in STEPS) for month in (months[0], months[-1]))
    return f"""## A year at {figures["a_day"]:,} cases a day

`python benchmarks/year.py --write`: {total:,} cases of as many patients in {figures["days"]} daily
batches, on SQLite; {len(figures["streams"])} streams ({", ".join(figures["streams"])}) over three
sites. Each day all cases are judged and logged, audits are drawn and answered
({figures["audits"]:,} in all), and the monitors run. Processor time, so that other work on the
machine does not count; only the change over the year means something elsewhere.

{rows}

In the last month a case takes {last / first:.2f} times as long as in the first,
{months[-1]["bytes"] / months[0]["bytes"]:.2f} times the bytes in the log (in all
{figures["log_bytes"] / 1e9:.2f} GB), and the state of the monitors has
{months[-1]["state_bytes"] / months[0]["state_bytes"]:.2f} times its size. Nothing changed in these
cases; the monitors end the year in the state {figures["state"]}."""
