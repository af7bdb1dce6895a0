"""Reverse classification accuracy on hippocampus: each backend beside uncertainty features.

``SEGQC_DATA=... python benchmarks/reverse_classification.py --write``. References and the choice of
settings come from pool patients; figures from the final-test patients, one case of each, clean or
degraded. Judged cases and the feature table are kept in the cache folder of `hippocampus_cases`.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Sequence
from dataclasses import replace
from time import perf_counter, process_time
from typing import Any

import numpy as np
import pandas as pd
import torch
from hippocampus_cases import (
    STRUCTURES,
    features,
    held_out_patients,
    image_folders,
    members,
    pool_patients,
)
from page import FOLDER, write_page
from quality_net import kept_cases
from reverse_classification_measure import measured, rank_correlation

import segqc_conformal as sq
from segqc_conformal.adapters.simpleitk_registration import SimpleITKRegistration
from segqc_conformal.patients import stable_hash
from segqc_conformal.reverse import AtlasRegistration, VoxelForest, with_reverse_features

REFERENCES, CHOOSING, NEAREST = 30, 16, 5
SEED = 3
CANDIDATES: dict[str, tuple[Any, ...]] = {
    "registration, torch": tuple(AtlasRegistration(stiffness=value) for value in (0.3, 1.0, 3.0)),
    "registration, SimpleITK": (SimpleITKRegistration(),),
    "voxel forest": (VoxelForest(), VoxelForest(smallest_leaf=30)),
}


def judged(patients: Sequence[str]) -> list[sq.Case]:
    """Return one case of each patient with its judged mask, clean or degraded by a hash."""
    wanted = [(name, ("clean", "degraded")[stable_hash(SEED, name) % 2]) for name in patients]
    return [_case(each) for each in kept_cases(wanted)]


def references(patients: Sequence[str]) -> list[sq.Case]:
    """Return the clean cases of patients as references."""
    return [
        replace(_case(each), mask=None) for each in kept_cases([(one, "clean") for one in patients])
    ]


def _case(kept: Any) -> sq.Case:
    return sq.Case(
        kept.image[0],
        kept.case_id,
        kept.patient_id,
        mask=kept.mask,
        reference=kept.reference,
        spacing_mm=kept.spacing,
    )


def table_of(cases: Sequence[sq.Case]) -> pd.DataFrame:
    """Return the feature table of judged cases, from the cache."""
    wanted = [(case.patient_id, case.case_id.rsplit("-", 1)[1]) for case in cases]
    return features(wanted, sq.DeepEnsemble(members()), progress=False)


def with_backend(
    backend: Any, known: Sequence[sq.Case], table: pd.DataFrame, cases: Sequence[sq.Case]
) -> tuple[pd.DataFrame, float]:
    """Return the table with reverse Dice, and the seconds of processor that a case took."""
    accuracy = sq.ReverseClassificationAccuracy(known, STRUCTURES, backend, NEAREST)
    begin = process_time()
    found = with_reverse_features(accuracy, table, cases, progress=False).table
    seconds = (process_time() - begin) / len(cases)
    assert found["failed"].isna().all(), found["failed"].dropna().iloc[0]
    return found, seconds


def run() -> dict[str, Any]:
    """Choose by pool patients, measure on final-test patients."""
    torch.set_num_threads(1)
    images, begin = image_folders()[0], perf_counter()
    pool = pool_patients(images)
    final = [name for name in held_out_patients(images) if name not in set(pool)]
    known = references(pool[:REFERENCES])
    tuning = judged(pool[REFERENCES : REFERENCES + CHOOSING])
    tests, tuned = judged(final), table_of(tuning)
    plain = table_of(tests)
    found: dict[str, pd.DataFrame] = {}
    backends = {}
    for name, candidates in CANDIDATES.items():
        ranked = [
            rank_correlation(with_backend(one, known, tuned, tuning)[0]) for one in candidates
        ] if len(candidates) > 1 else [np.nan]  # fmt: skip
        best = candidates[int(np.argmax(ranked))]
        found[name], seconds = with_backend(best, known, plain, tests)
        backends[name] = {"settings": repr(best), "candidates": len(candidates), "seconds": seconds}
        print(f"{name}: {seconds:.2f} s a case, {perf_counter() - begin:.0f} s in all", flush=True)
    sizes = {"references": len(known), "nearest": NEAREST, "choosing": len(tuning)}
    return {**sizes, "backends": backends, **measured(found)}


def main() -> None:
    """Measure, save, and write the page."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--write", action="store_true", help="keep the figures, write the docs")
    options = parser.parse_args()
    figures = run()
    if options.write:
        (FOLDER / "reverse_classification.json").write_text(json.dumps(figures, indent=1) + "\n")
        write_page()
    else:
        print(json.dumps(figures, indent=1))


if __name__ == "__main__":
    main()
