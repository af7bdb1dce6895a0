"""A second opinion on hippocampus masks, merged region by region under a promise.

``SEGQC_DATA=... python benchmarks/refinement.py --write`` judges the mask of one U-Net and offers
two candidates, the ensemble's mask and another member's, on many splits of the 220 held-out
patients; it writes ``benchmarks/refinement.json`` and docs/benchmarks.md. ``--quick`` measures two
splits of 160 of them.
"""

from __future__ import annotations

import os

os.environ.setdefault("OMP_NUM_THREADS", "1")

import argparse
import json
from datetime import UTC, datetime
from time import perf_counter
from typing import Any

from hippocampus_cases import held_out_patients, image_folders, pool_patients
from page import FOLDER, write_page
from refinement_cases import CANDIDATES, region_tables
from refinement_measure import measure_split, summary
from refinement_page import section

from segqc_conformal.review import HarmThreshold

FIT, CALIBRATE = 50, 90
PROMISES = (
    HarmThreshold(tolerated_harm=0.1, allowed_fall=0.0),
    HarmThreshold(tolerated_harm=0.1, allowed_fall=0.02),
    HarmThreshold(tolerated_harm=0.2, allowed_fall=0.02),
)


def run(patients: list[str], splits: int, fit: int = FIT, calibrate: int = CALIBRATE) -> Any:
    """Measure every candidate under every promise."""
    regions = region_tables(patients)
    begin, rows = perf_counter(), []
    for candidate in CANDIDATES:
        of_candidate = regions[regions["candidate"] == candidate]
        splits_of = [
            measure_split(of_candidate, PROMISES, seed, fit, calibrate) for seed in range(splits)
        ]
        for promise, found in zip(PROMISES, zip(*splits_of, strict=True), strict=True):
            rows.append(
                {
                    "candidate": candidate,
                    "tolerated_harm": promise.tolerated_harm,
                    "allowed_fall": promise.allowed_fall,
                    "regions_per_case": len(of_candidate) / of_candidate["case_id"].nunique(),
                    **summary(list(found), promise.tolerated_harm),
                }
            )
            print(rows[-1], flush=True)
    return {
        "fit": fit,
        "calibrate": calibrate,
        "test": len(patients) - fit - calibrate,
        "judged_dice": float(regions.groupby("case_id")["mean_dice"].first().mean()),
        "date": datetime.now(UTC).date().isoformat(),
        "minutes": round((perf_counter() - begin) / 60, 1),
        "rows": rows,
    }


def main() -> None:
    """Measure, save, and write the page."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--splits", type=int, default=20)
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--write", action="store_true", help="keep the figures, write the docs")
    options = parser.parse_args()
    images = image_folders()[0]
    if options.quick:
        figures = run(pool_patients(images), 2, fit=40, calibrate=60)
    else:
        figures = run(held_out_patients(images), options.splits)
    if options.write:
        (FOLDER / "refinement.json").write_text(json.dumps(figures, indent=1) + "\n")
        write_page()
    else:
        print(section(figures))


if __name__ == "__main__":
    main()
