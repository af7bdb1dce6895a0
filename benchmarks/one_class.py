"""One-class models on real images: false alarms among good cases, and what is found of the others.

``SEGQC_DATA=... python benchmarks/one_class.py --write`` calibrates every method and feature set on
the good clean cases of 40 splits of the patients, judges clean, degraded and shifted cases of the
others, and writes ``benchmarks/one_class.json`` and docs/benchmarks.md. ``--quick`` measures two
splits.
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

import hippocampus_cases
import nuclei_cases
import numpy as np
from degradations import KNOWN, OF_MICROSCOPY, drawn_fault
from joblib import Parallel, delayed
from one_class_measure import measure_split, summary
from one_class_page import section
from page import FOLDER, write_page
from predictors import SIZES, data_set
from predictors_measure import DataSet

from segqc_conformal.patients import stable_hash

LIBRARIES = ("numpy", "pandas", "scikit-learn", "scipy")


def faults_of(data: DataSet) -> dict[str, tuple[str, float]]:
    """Return kind and strength of each degraded case, as its image was made."""
    rows = data.table[data.table["version"] == "degraded"].drop_duplicates("case_id")
    if data.name == "hippocampus":
        kinds, seed, names = tuple(KNOWN), hippocampus_cases.DEGRADATION_SEED, rows["case_id"]
    else:
        kinds, seed, names = OF_MICROSCOPY, nuclei_cases.DEGRADATION_SEED, rows["patient_id"]
    drawn = [drawn_fault(np.random.default_rng(stable_hash(seed, n)), kinds) for n in names]
    return dict(zip(rows["case_id"], drawn, strict=True))


def run(name: str, splits: int, processes: int) -> dict[str, Any]:
    """Measure all splits of a data set."""
    data = data_set(name)
    faults, begin = faults_of(data), perf_counter()
    results = Parallel(n_jobs=processes, verbose=1)(
        delayed(measure_split)(data, faults, seed) for seed in range(splits)
    )
    return {
        "splits": splits,
        "sizes": SIZES[name],
        "shifted": data.shifted,
        "date": datetime.now(UTC).date().isoformat(),
        "minutes": round((perf_counter() - begin) / 60, 1),
        "versions": {library: version(library) for library in LIBRARIES},
        "rows": summary(results),
    }


def main() -> None:
    """Measure, save, and write the page."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", nargs="+", choices=list(SIZES), default=list(SIZES))
    parser.add_argument("--splits", type=int, default=40)
    parser.add_argument("--processes", type=int, default=1)
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--write", action="store_true", help="keep the figures, write the docs")
    options = parser.parse_args()
    splits = 2 if options.quick else options.splits
    figures = {name: run(name, splits, options.processes) for name in options.data}
    if options.write:
        (FOLDER / "one_class.json").write_text(json.dumps(figures, indent=1) + "\n")
        write_page()
    else:
        print(section(figures))


if __name__ == "__main__":
    main()
