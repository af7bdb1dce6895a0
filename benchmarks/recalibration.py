"""From an alarm to a new promise: coverage and accepted error before, under and after it.

``python benchmarks/recalibration.py`` prints the tables; ``--write`` also saves the figures to
``benchmarks/recalibration.json`` and writes docs/benchmarks.md anew; ``--quick`` takes seconds, as
the tests do. With ``SEGQC_DATA`` (see `hippocampus_cases.py`) real volumes and tiles come day by
day too; without it those figures stay as they were. ``--only PART`` measures one part of the saved
figures anew.
"""

from __future__ import annotations

import os

os.environ.setdefault("OMP_NUM_THREADS", "1")  # before numpy loads: splits may run in parallel

import argparse
import json
import platform
import warnings
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from time import perf_counter
from typing import Any

from page import write_page
from recalibration_page import section
from recalibration_page_law import simulated_part
from recalibration_world import simulated

FIGURES = Path(__file__).with_name("recalibration.json")
LIBRARIES = ("numpy", "pandas", "scikit-learn", "scipy", "skops")
SEED = 41
SPLITS, STREAMS = 200, 20
REPEATS, JUDGED = 200, 1_000
QUICK_REPEATS, QUICK_JUDGED = 12, 500
PARTS = ("simulated", "real")


def measure(parts: tuple[str, ...], old: dict[str, Any], processes: int) -> dict[str, Any]:
    """Make the figures of `parts`; the others stay as in `old`."""
    figures, minutes = dict(old), dict(old.get("minutes", {}))
    for part in parts:
        begin = perf_counter()
        if part == "simulated":
            figures["simulated"] = simulated(REPEATS, JUDGED, SEED)
        else:
            from recalibration_real import measured

            figures["real"] = measured(SPLITS, STREAMS, SEED, processes)
        minutes[part] = round((perf_counter() - begin) / 60, 1)
    return figures | {
        "date": datetime.now(UTC).date().isoformat(),
        "machine": f"{os.cpu_count()} CPU cores ({platform.machine()}), {processes} processes, "
        f"Python {platform.python_version()}",
        "seed": SEED,
        "minutes": minutes,
        "versions": {name: version(name) for name in LIBRARIES},
    }


def main() -> None:
    """Measure, print and, where asked, save."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--processes", type=int, default=2, help="of the real splits")
    parser.add_argument("--only", choices=PARTS, help="measure this part of the figures anew")
    chosen = parser.add_mutually_exclusive_group()
    chosen.add_argument("--quick", action="store_true", help="a few repeats of the simulation")
    chosen.add_argument("--write", action="store_true", help="save the figures and the page")
    options = parser.parse_args()
    warnings.simplefilter("ignore")  # quality predictors that are not chosen may not converge
    if options.quick:
        print(simulated_part(simulated(QUICK_REPEATS, QUICK_JUDGED, SEED)))
        return
    old = json.loads(FIGURES.read_text()) if FIGURES.is_file() else {}
    with_real = PARTS if os.environ.get("SEGQC_DATA") else PARTS[:1]
    figures = measure((options.only,) if options.only else with_real, old, options.processes)
    if options.write:
        FIGURES.write_text(json.dumps(figures, indent=1) + "\n")
        write_page()
    print(section(figures))


if __name__ == "__main__":
    main()
