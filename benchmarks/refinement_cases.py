"""Refined masks of the hippocampus: one U-Net is judged, and others offer candidates.

Region tables are kept in the cache folder of `hippocampus_cases`, one file for each case.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import torch
from hippocampus_cases import STRUCTURES, cache_folder, image_folders, load_case, members

import segqc_conformal as sq
from segqc_conformal.dice import dice
from segqc_conformal.patients import stable_hash
from segqc_conformal.replaced_file import replaced_at_once
from segqc_conformal.review import region_table

MAPS = ("mean_probability", "predictive_entropy", "mutual_information", "variation_ratio")
CANDIDATES = ("ensemble of five", "another member")
FORM = 3  # of the kept files


def version_of(patient: str) -> str:
    """Return which version of a patient's volume is segmented: about half are degraded."""
    return ("clean", "degraded")[stable_hash(7, patient) % 2]


def region_tables(patients: list[str], progress: bool = True) -> pd.DataFrame:
    """Return the regions of all patients and candidates, with the judged mask's ``mean_dice``."""
    folder = cache_folder() / "refinement"
    folder.mkdir(parents=True, exist_ok=True)
    files = [folder / f"{patient}-{FORM}.parquet" for patient in patients]
    ensemble = sq.DeepEnsemble(members())
    for number, (patient, file) in enumerate(zip(patients, files, strict=True)):
        if not file.is_file():
            _keep(file, patient, ensemble)
        if progress and number % 20 == 19:
            print(f"{number + 1} of {len(patients)} cases", flush=True)
    return pd.concat([pd.read_parquet(file) for file in files], ignore_index=True)


def _keep(file: Path, patient: str, ensemble: sq.DeepEnsemble) -> None:
    case = load_case(patient, version_of(patient), *image_folders())
    accumulator = sq.UncertaintyAccumulator(STRUCTURES, case.spacing, maps=MAPS)
    masks = []
    for sample in ensemble(None, torch.tensor(case.channels_first())):
        accumulator.update(sample)
        masks.append(np.asarray(sample).argmax(axis=0))
    judged = masks[0]
    refined = dict(zip(CANDIDATES, (np.asarray(accumulator.fused_mask()), masks[1]), strict=True))
    maps = {name: np.asarray(values) for name, values in accumulator.maps(MAPS).items()}
    known = (case.case_id, patient, judged)
    tables = [
        region_table(*known, mask, STRUCTURES, maps, case.spacing, case.reference).assign(
            candidate=name
        )
        for name, mask in refined.items()
    ]
    truth = case.reference
    mean_dice = np.mean([dice(judged == code, truth == code) for code in STRUCTURES.values()])
    with replaced_at_once(file) as temporary:
        pd.concat(tables).assign(mean_dice=mean_dice).to_parquet(temporary, index=False)
