"""Coverage, width, acceptance and ranking on real images, over many splits of the patients.

``SEGQC_DATA=... python benchmarks/splits.py --write-docs`` extracts what is not yet in the cache,
measures 200 splits of each data set in each of three worlds on 2 cores, writes
``benchmarks/splits.json`` and, from it, ``docs/benchmarks.md``. ``--data nuclei`` measures one data
set and leaves the figures of the other as they are.
"""

from __future__ import annotations

import os

os.environ.setdefault("OMP_NUM_THREADS", "1")  # before numpy loads: the splits run in parallel

import argparse
import json
import logging
import platform
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from time import perf_counter
from typing import Any

import pandas as pd
from joblib import Parallel, delayed
from page import write_page
from splits_data import DATA_SETS, feature_table
from splits_floor import floor
from splits_measure import SIZES, SplitResult, measure_split
from splits_page import section
from splits_summary import summary

FIGURES = Path(__file__).parent / "splits.json"
WORLDS = ("mixed", "clean", "degraded")
LIBRARIES = ("mapie", "monai", "numpy", "pandas", "scikit-learn", "scipy", "torch")


def run(data: str, splits: int, processes: int) -> dict[str, Any]:
    """Measure all splits of all worlds of one data set."""
    of = DATA_SETS[data]
    patients, pool = of.patients(), of.pool()
    table = feature_table(data, patients, processes)
    lowest = floor(feature_table(data, pool, processes), WORLDS, processes)
    begin = perf_counter()
    results: list[tuple[str, SplitResult]] = []
    for world in WORLDS:
        measured = Parallel(n_jobs=processes, verbose=1)(
            delayed(_measure)(table, world, split) for split in range(splits)
        )
        results += [(world, result) for result in measured]
    return {
        "splits": splits,
        "sizes": SIZES,
        "patients": len(patients),
        "date": datetime.now(UTC).date().isoformat(),
        "machine": f"{processes} CPU cores ({platform.machine()}), Python "
        f"{platform.python_version()}",
        "minutes": round((perf_counter() - begin) / 60, 1),
        "versions": {name: version(name) for name in LIBRARIES},
        "dice": _dice(table),
        "floor": lowest,
        **summary(results, {of.patient_id(patient) for patient in pool}),
    }


def _measure(table: pd.DataFrame, world: str, split: int) -> SplitResult:
    # MAPIE reports on the root logger whenever two predicted quantiles cross
    logging.disable(logging.INFO)
    return measure_split(table, world, split)


def _dice(table: pd.DataFrame) -> list[dict[str, Any]]:
    by = table.groupby(["version", "structure"])
    return [
        {
            "version": version_,
            "structure": structure,
            "mean": rows["dice"].mean(),
            "p05": rows["dice"].quantile(0.05),
            "median": rows["dice"].median(),
            "bad": (rows["dice"] <= 0.8).mean(),
            "empty": int((rows["feature_volume_ml"] == 0).sum()),
        }
        for (version_, structure), rows in by
    ]


def main() -> None:
    """Measure, save, and write the page."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", nargs="+", choices=DATA_SETS, default=list(DATA_SETS))
    parser.add_argument("--splits", type=int, default=200)
    parser.add_argument("--processes", type=int, default=2)
    parser.add_argument("--out", type=Path, default=FIGURES)
    parser.add_argument("--write-docs", action="store_true", help="write docs/benchmarks.md")
    options = parser.parse_args()
    figures = json.loads(options.out.read_text()) if options.out.is_file() else {}
    for data in options.data:
        figures[data] = run(data, options.splits, options.processes)
        options.out.write_text(json.dumps(figures, indent=1, default=float) + "\n")
    if options.write_docs:
        write_page()
    else:
        print(section(figures))


if __name__ == "__main__":
    main()
