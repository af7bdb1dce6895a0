"""Speed and memory of the uncertainty engine, side by side in one run.

``python benchmarks/uncertainty.py`` prints the tables; ``--write`` also saves them to
``benchmarks/uncertainty.json`` and writes docs/benchmarks.md anew; ``--quick`` runs small sizes.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from time import perf_counter
from typing import Any

import torch
from page import write_page
from rich.console import Console
from rich.markdown import Markdown
from rich.progress import track
from uncertainty_forward import forward_row, nnunet_sized, small_unet
from uncertainty_memory import STATUS, memory_row
from uncertainty_page import section
from uncertainty_pairs import pairs_row
from uncertainty_time import time_row

FIGURES = Path(__file__).with_suffix(".json")
LIBRARIES = ("torch", "numba", "monai", "numpy")
HEADLINE = (96, 192, 192)
# samples, classes, grid: one of them grows at a time
TIME = (
    (10, 4, HEADLINE),
    *((10, 4, (size,) * 3) for size in (64, 96, 128, 160)),
    *((10, classes, (128,) * 3) for classes in (2, 14)),
    *((count, 4, (64,) * 3) for count in (5, 20, 40, 80)),
)
MEMORY = (
    *((count, 4, (96,) * 3) for count in (5, 10, 20, 40, 80)),
    *((10, classes, (96,) * 3) for classes in (2, 14)),
    *((10, 4, (size,) * 3) for size in (64, 128, 160)),
    (80, 4, (128,) * 3),
    (20, 14, (160,) * 3),
)
QUICK_TIME = ((5, 4, (32,) * 3), (10, 2, (24,) * 3))
QUICK_MEMORY = ((5, 4, (48,) * 3), (20, 4, (48,) * 3))


def measure(quick: bool) -> dict[str, Any]:
    """Measure everything; with `quick` on small grids, whose times mean little."""
    begin, load = perf_counter(), os.getloadavg()
    figures = {
        "pairs": pairs_row(10, 4, (24, 32, 32) if quick else HEADLINE, 1 if quick else 3),
        "time": list(_time(quick)),
        "memory": list(_memory(quick)),
        "forward": list(_forward(quick)),
    }
    return {
        "quick": quick,
        "date": datetime.now(UTC).date().isoformat(),
        "machine": _machine(load),
        "minutes": round((perf_counter() - begin) / 60, 1),
        "versions": {name: version(name) for name in LIBRARIES},
        **figures,
    }


def _time(quick: bool) -> Iterator[dict[str, Any]]:
    rows = QUICK_TIME if quick else TIME
    for count, classes, spatial in _shown(rows, "time", len(rows)):
        repeats = 3 if spatial == HEADLINE and not quick else 1
        yield time_row(count, classes, spatial, repeats)


def _memory(quick: bool) -> Iterator[dict[str, Any]]:
    if not STATUS.is_file():
        return  # the peak is read from /proc, which this system has not
    rows = QUICK_MEMORY if quick else MEMORY
    with ThreadPoolExecutor(2) as pool:  # of processes that are not timed
        yield from _shown(pool.map(lambda row: memory_row(*row), rows), "memory", len(rows))


def _forward(quick: bool) -> Iterator[dict[str, Any]]:
    yield forward_row("small U-Net", small_unet(), (48, 64, 48), 3 if quick else 15)
    if not quick:
        yield forward_row("nnU-Net-sized U-Net", nnunet_sized(), (128,) * 3, 3)


def _shown(rows: Iterable[Any], name: str, total: int) -> Iterable[Any]:
    console = Console(stderr=True)
    return track(rows, f"{name:8}", total=total, console=console, transient=True)


def _machine(load: tuple[float, float, float]) -> dict[str, Any]:
    return {
        "cores": os.cpu_count(),
        "threads": torch.get_num_threads(),
        "processor": f"{platform.machine()}, {torch.backends.cpu.get_cpu_capability()}",
        "python": platform.python_version(),
        "load_before": round(load[0], 2),
    }


def main() -> None:
    """Measure, print and, where asked, save."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="small sizes, for a look")
    parser.add_argument("--write", action="store_true", help="save the figures and the page")
    options = parser.parse_args()
    if options.quick and options.write:
        parser.error("quick figures are not for the page: leave out --quick or --write")
    figures = measure(options.quick)
    console = Console()
    console.print(Markdown(section(figures)), width=max(console.width, 150))
    if options.write:
        FIGURES.write_text(json.dumps(figures, indent=1) + "\n")
        write_page()


if __name__ == "__main__":
    main()
