"""Coverage, width, acceptance and ranking on real volumes, over many splits of the patients.

``SEGQC_DATA=... python benchmarks/hippocampus.py --write-docs`` extracts what is not yet in the
cache, measures 200 splits in each of three worlds on 2 cores, writes
``benchmarks/hippocampus.json`` and, from it, ``docs/benchmarks.md``.
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
from hippocampus_cases import features, held_out_patients, image_folders, members
from hippocampus_page import section
from hippocampus_splits import SIZES, SplitResult, measure_split
from hippocampus_summary import summary
from joblib import Parallel, delayed
from page import write_page

from segqc_conformal import DeepEnsemble

ROOT = Path(__file__).parents[1]
WORLDS = ("mixed", "clean", "degraded")
LIBRARIES = ("mapie", "monai", "numpy", "pandas", "scikit-learn", "scipy", "torch")


def feature_table(processes: int) -> pd.DataFrame:
    """Extract both versions of all patients; each process takes its share."""
    patients = held_out_patients(image_folders()[0])
    wanted = [(patient, version) for patient in patients for version in ("clean", "degraded")]
    tables = Parallel(n_jobs=processes)(
        delayed(_extract)(wanted[i::processes], progress=i == 0) for i in range(processes)
    )
    return pd.concat(tables).sort_values(["case_id", "structure"], ignore_index=True)


def _extract(wanted: list[tuple[str, str]], progress: bool) -> pd.DataFrame:
    import torch

    torch.set_num_threads(1)
    return features(wanted, DeepEnsemble(members()), progress)


def _measure(table: pd.DataFrame, world: str, split: int) -> SplitResult:
    # MAPIE reports on the root logger whenever two predicted quantiles cross
    logging.disable(logging.INFO)
    return measure_split(table, world, split)


def run(table: pd.DataFrame, splits: int, processes: int, out: Path) -> None:
    """Measure all splits of all worlds; the figures so far are saved after each world."""
    begin, results = perf_counter(), []
    for world in WORLDS:
        measured = Parallel(n_jobs=processes, verbose=1)(
            delayed(_measure)(table, world, split) for split in range(splits)
        )
        results += [(world, result) for result in measured]
        figures = {
            **_setting(table, splits, processes),
            "minutes": round((perf_counter() - begin) / 60, 1),
            **summary(results),
        }
        out.write_text(json.dumps(figures, indent=1, default=float) + "\n")


def _setting(table: pd.DataFrame, splits: int, processes: int) -> dict[str, Any]:
    return {
        "splits": splits,
        "sizes": SIZES,
        "patients": int(table["patient_id"].nunique()),
        "date": datetime.now(UTC).date().isoformat(),
        "machine": f"{processes} CPU cores ({platform.machine()}), Python "
        f"{platform.python_version()}",
        "versions": {name: version(name) for name in LIBRARIES},
        "dice": _dice(table),
    }


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
    parser.add_argument("--splits", type=int, default=200)
    parser.add_argument("--processes", type=int, default=2)
    parser.add_argument("--out", type=Path, default=ROOT / "benchmarks" / "hippocampus.json")
    parser.add_argument("--write-docs", action="store_true", help="write docs/benchmarks.md")
    options = parser.parse_args()
    table = feature_table(options.processes)
    run(table, options.splits, options.processes, options.out)
    if options.write_docs:
        write_page()
    else:
        print(section(json.loads(options.out.read_text())))


if __name__ == "__main__":
    main()
