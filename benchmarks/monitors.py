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
import logging
import platform
import warnings
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from time import perf_counter
from typing import Any

from joblib import Parallel, delayed
from monitors_cost import costs
from monitors_page import section
from monitors_plan import FULL, QUICK, SEED, Size, Task, tasks
from page import write_page

FIGURES = Path(__file__).with_suffix(".json")
LIBRARIES = ("mapie", "numpy", "online-cp", "pandas", "river", "scipy")
SPLITS = 50
PARTS = ("simulated", "cost", "real")


def simulated(size: Size, processes: int = 1) -> dict[str, list[dict[str, Any]]]:
    """Run all simulations; their rows by part, in the order of the plan."""
    planned = tasks(size)
    done = Parallel(n_jobs=processes, verbose=1 if processes > 1 else 0)(
        delayed(_rows)(task) for task in planned
    )
    found: dict[str, list[dict[str, Any]]] = {}
    for task, rows in zip(planned, done, strict=True):
        found.setdefault(task.part, []).extend(rows)
    return found


def _rows(task: Task) -> list[dict[str, Any]]:
    return task.rows()


def real(processes: int) -> dict[str, Any]:
    """Stream real volumes and tiles."""
    from monitors_real import DATA_SETS, summary

    found = {}
    for name, data in DATA_SETS.items():
        table = data.table()
        splits = Parallel(n_jobs=processes, verbose=1)(
            delayed(_split)(name, table, SEED + split) for split in range(SPLITS)
        )
        found[name] = summary(splits)
    return found


def _split(name: str, table: Any, seed: int) -> dict[str, Any]:
    from monitors_real import DATA_SETS, split_of

    logging.disable(logging.INFO)
    warnings.simplefilter("ignore")  # quality predictors that lose against others may not converge
    return split_of(DATA_SETS[name], table, seed)


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
            figures["real"] = real(processes)
        minutes[part] = round((perf_counter() - begin) / 60, 1)
    return figures | {
        "date": datetime.now(UTC).date().isoformat(),
        "machine": f"{processes} CPU cores ({platform.machine()}), Python "
        f"{platform.python_version()}",
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
    print(section(figures))


if __name__ == "__main__":
    main()
