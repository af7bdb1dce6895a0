"""Quality predictors beside each other on real images: ranking, error, width, acceptance.

``SEGQC_DATA=... python benchmarks/predictors.py --write`` fits every predictor on 200 splits of
the patients of each data set, tests it on clean, degraded and shifted cases, and writes
``benchmarks/predictors.json`` and docs/benchmarks.md. ``--quick`` measures two splits.
"""

from __future__ import annotations

import os

os.environ.setdefault("OMP_NUM_THREADS", "1")  # before numpy loads: the splits run in parallel

import argparse
import json
from datetime import UTC, datetime
from importlib.metadata import version
from time import perf_counter
from typing import Any

import monitors_real
from joblib import Parallel, delayed
from page import FOLDER, write_page
from predictors_measure import DataSet, measure_split
from predictors_oracle import oracles
from predictors_page import section
from predictors_summary import summary

LIBRARIES = ("numpy", "pandas", "scikit-learn", "scipy", "torch", "monai")
SIZES = {"hippocampus": (60, 80, 80), "nuclei": (100, 120, 120)}  # fit, calibration, test


def data_set(name: str) -> DataSet:
    """Read a data set; features that are not yet in the cache are extracted."""
    of = monitors_real.DATA_SETS[name]
    return DataSet(name, of.table(), of.changed, *SIZES[name])


def run(name: str, splits: int, processes: int) -> dict[str, Any]:
    """Measure all splits of a data set."""
    data = data_set(name)
    begin = perf_counter()
    results = Parallel(n_jobs=processes, verbose=1)(
        delayed(measure_split)(data, seed) for seed in range(splits)
    )
    return {
        "splits": splits,
        "sizes": SIZES[name],
        "date": datetime.now(UTC).date().isoformat(),
        "minutes": round((perf_counter() - begin) / 60, 1),
        "versions": {library: version(library) for library in LIBRARIES},
        "rows": summary(results),
        "oracles": oracles(data),
    }


def main() -> None:
    """Measure, save, and write the page."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", nargs="+", choices=list(SIZES), default=list(SIZES))
    parser.add_argument("--splits", type=int, default=200)
    parser.add_argument("--processes", type=int, default=2)
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--oracles", action="store_true", help="only these, beside saved figures")
    parser.add_argument("--write", action="store_true", help="keep the figures, write the docs")
    options = parser.parse_args()
    file = FOLDER / "predictors.json"
    figures = json.loads(file.read_text()) if file.is_file() and not options.quick else {}
    for name in options.data:
        if options.oracles:
            figures[name]["oracles"] = oracles(data_set(name))
        else:
            figures[name] = run(name, 2 if options.quick else options.splits, options.processes)
        if options.write:
            file.write_text(json.dumps(figures, indent=1) + "\n")
    if options.write:
        write_page()
    else:
        print(section(figures))


if __name__ == "__main__":
    main()
