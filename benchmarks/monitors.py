"""WATCH, HARM and BENIGN against their promises and targets, beside twins, rivals and real data.

``python benchmarks/monitors.py`` prints the tables; ``--write`` also saves the figures to
``benchmarks/monitors.json`` and writes docs/benchmarks.md anew; ``--quick`` takes seconds, as the
tests do. With ``SEGQC_DATA`` (see `hippocampus_cases.py`) real volumes and tiles are streamed too;
without it those figures stay as they were. ``--only PART`` measures one part of the saved figures
anew.
"""

from __future__ import annotations

import os

os.environ.setdefault("OMP_NUM_THREADS", "1")  # before numpy loads: simulations run in parallel

import argparse
import json
import platform
from datetime import UTC, datetime
from importlib.metadata import version
from time import perf_counter
from typing import Any

from monitors_cost import costs
from monitors_figure import write_figure
from monitors_page import section
from monitors_plan import FIGURES, FULL, QUICK, SEED, simulated
from page import write_page

LIBRARIES = ("mapie", "numpy", "online-cp", "pandas", "river", "scipy")
SPLITS = 40
PARTS = ("simulated", "cost", "real")


def measure(parts: tuple[str, ...], old: dict[str, Any], processes: int) -> dict[str, Any]:
    """Make the figures of `parts`; the others stay as in `old`."""
    figures, minutes = dict(old), dict(old.get("minutes", {}))
    for part in parts:
        begin = perf_counter()
        if part == "simulated":
            figures["simulated"] = simulated(FULL, processes)
        elif part == "cost":
            figures["cost"] = costs()
        else:
            from monitors_real import measured  # loads torch and the networks

            figures["real"] = measured(SPLITS, SEED, processes)
        minutes[part] = round((perf_counter() - begin) / 60, 1)
    return figures | {
        "date": datetime.now(UTC).date().isoformat(),
        "machine": f"{os.cpu_count()} CPU cores ({platform.machine()}), {processes} processes, "
        f"Python {platform.python_version()}",
        "seed": SEED,
        "minutes": minutes,
        "versions": {name: version(name) for name in LIBRARIES},
    }


def save(figures: dict[str, Any]) -> None:
    """Write the figures, short enough to read."""
    FIGURES.write_text(json.dumps(_short(figures), indent=1) + "\n")


def _short(value: Any) -> Any:
    if isinstance(value, float):
        return float(f"{value:.5g}")
    if isinstance(value, (list, tuple)):
        return [_short(one) for one in value]
    return {k: _short(v) for k, v in value.items()} if isinstance(value, dict) else value


def main() -> None:
    """Simulate, print and, where asked, save."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--processes", type=int, default=2)
    parser.add_argument("--only", choices=PARTS, help="measure this part of the figures anew")
    chosen = parser.add_mutually_exclusive_group()
    chosen.add_argument("--quick", action="store_true", help="few runs of short streams")
    chosen.add_argument("--write", action="store_true", help="save the figures and the page")
    options = parser.parse_args()
    if options.quick:
        for part, rows in simulated(QUICK).items():
            print(part, *rows, sep="\n  ")
        return
    old = json.loads(FIGURES.read_text()) if FIGURES.is_file() else {}
    with_real = PARTS if os.environ.get("SEGQC_DATA") else PARTS[:2]
    parts = (options.only,) if options.only else with_real
    figures = measure(parts, old, options.processes)
    if options.write:
        save(figures)
        write_page()
        if "real" in figures:
            write_figure(figures["real"])
    print(section(figures))


if __name__ == "__main__":
    main()
