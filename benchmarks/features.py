"""What every feature alone says about the true Dice, on real images of two kinds.

``SEGQC_DATA=... python benchmarks/features.py --write-docs`` extracts the "full" schema of what is
not yet in the cache (about 12 minutes on 2 cores), correlates each feature with Dice, writes
``benchmarks/features.json`` and, from it, ``docs/benchmarks.md``. ``--quick`` takes a few patients
and prints the section only.
"""

from __future__ import annotations

import os

os.environ.setdefault("OMP_NUM_THREADS", "1")  # before numpy loads: the processes share the cores

import argparse
import json
import platform
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from time import perf_counter
from typing import Any

import pandas as pd
from feature_cases import DATA_SETS, DROPOUT_SAMPLES, SAMPLERS, SCHEMA, VERSIONS, feature_table
from features_page import section
from features_summary import Place, summary
from page import write_page

FIGURES = Path(__file__).parent / "features.json"
LIBRARIES = ("monai", "numpy", "pandas", "scipy", "torch")
PATIENTS = {"ensemble": None, "dropout": 80}  # None: all
QUICK = 8


def run(patients: dict[str, int | None], processes: int) -> dict[str, Any]:
    """Extract, correlate, and return the figures."""
    begin = perf_counter()
    tables: dict[Place, pd.DataFrame] = {}
    for sampler in SAMPLERS:
        for data in DATA_SETS:
            for scans in VERSIONS:
                print(f"{data}, {scans}, {sampler}", flush=True)
                tables[data, scans, sampler] = feature_table(
                    data, scans, sampler, patients[sampler], processes
                )
    return {
        "date": datetime.now(UTC).date().isoformat(),
        "machine": f"{processes} CPU cores ({platform.machine()}), Python "
        f"{platform.python_version()}",
        "minutes": round((perf_counter() - begin) / 60, 1),
        "versions": {name: version(name) for name in LIBRARIES},
        "schema": SCHEMA.version,
        "dropout_samples": DROPOUT_SAMPLES,
        **summary(tables),
    }


def written(figures: dict[str, Any]) -> str:
    """Return the figures as JSON, one line for each column and feature."""
    lines = {
        name: "[\n" + ",\n".join(json.dumps(one) for one in figures[name]) + "\n]"
        for name in ("columns", "features")
    }
    head = {name: value for name, value in figures.items() if name not in lines}
    text = json.dumps(head, indent=1)[:-2]
    return text + "".join(f',\n "{name}": {block}' for name, block in lines.items()) + "\n}\n"


def main() -> None:
    """Measure, save, and write the page."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help=f"{QUICK} patients of each kind")
    parser.add_argument("--processes", type=int, default=2)
    parser.add_argument("--write-docs", action="store_true", help="write docs/benchmarks.md")
    options = parser.parse_args()
    figures = run(dict.fromkeys(SAMPLERS, QUICK) if options.quick else PATIENTS, options.processes)
    if options.quick or not options.write_docs:
        print(section(figures))
        return
    FIGURES.write_text(written(figures))
    write_page()


if __name__ == "__main__":
    main()
