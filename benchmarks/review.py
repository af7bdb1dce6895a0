"""How much of the errors a person finds by looking at the first slices of a ranked list.

``SEGQC_DATA=... python benchmarks/review.py --write`` ranks the slices of the 160 pool patients of
the hippocampus data, as they are and degraded, and writes ``benchmarks/review.json``, the figure
``docs/review.svg`` and docs/benchmarks.md. ``--quick`` takes a few patients and prints the section.
"""

from __future__ import annotations

import os

os.environ.setdefault("OMP_NUM_THREADS", "1")  # before numpy loads: the processes share the cores

import argparse
import json
from datetime import UTC, datetime
from importlib.metadata import version
from time import perf_counter
from typing import Any

from hippocampus_cases import image_folders, pool_patients
from page import FOLDER, write_page
from review_cases import reviewed
from review_figure import write_figure
from review_measure import measured
from review_page import section

LIBRARIES = ("numpy", "pandas", "scipy", "torch", "monai")
VERSIONS = ("clean", "degraded")
QUICK = 4


def run(patients: int | None, processes: int) -> dict[str, Any]:
    """Score all slices and measure every order."""
    begin = perf_counter()
    pool = pool_patients(image_folders()[0])[:patients]
    wanted = [(patient, scans) for scans in VERSIONS for patient in pool]
    figures = measured(*reviewed(wanted, processes))
    return {
        "date": datetime.now(UTC).date().isoformat(),
        "minutes": round((perf_counter() - begin) / 60, 1),
        "processes": processes,
        "versions": {name: version(name) for name in LIBRARIES},
        **figures,
    }


def main() -> None:
    """Measure, save, draw, and write the page."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help=f"{QUICK} patients")
    parser.add_argument("--processes", type=int, default=2)
    parser.add_argument("--write", action="store_true", help="keep the figures, write the docs")
    options = parser.parse_args()
    figures = run(QUICK if options.quick else None, options.processes)
    if options.quick or not options.write:
        print(section(figures))
        return
    (FOLDER / "review.json").write_text(json.dumps(figures, indent=1) + "\n")
    write_figure(figures["curves"])
    write_page()


if __name__ == "__main__":
    main()
