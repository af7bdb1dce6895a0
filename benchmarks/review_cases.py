"""Slices and patches of the hippocampus volumes: how much each is doubted, and how wrong it is."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import reduce

import numpy as np
import pandas as pd
import torch
from hippocampus_cases import STRUCTURES, LazyCases, image_folders, members
from joblib import Parallel, delayed
from numpy.typing import NDArray

import segqc_conformal as sq
from segqc_conformal.review import Regions, find_regions, patch_rows, slice_errors, slice_rows
from segqc_conformal.uncertainty.judged_structure import JudgedStructure

SLICE_SCORES = (
    "expected_error_sum",
    "expected_error_mean",
    "predictive_entropy_sum",
    "predictive_entropy_mean",
    "mutual_information_sum",
    "b_map_sum",
    "soft_dice_confidence",
    "pairwise_dice",
    "largest_blob",
)
PATCH_VALUES = ("expected_error", "normalised_entropy", "b_map")
MAPS = ("b_map", "normalised_entropy", "predictive_entropy", "mutual_information")
KEYS = ["case_id", "structure", "slice"]
Pairs = Sequence[tuple[str, str]]  # patient and version
Tables = tuple[pd.DataFrame, pd.DataFrame]


def reviewed(wanted: Pairs, processes: int = 2) -> Tables:
    """Return a row for each slice and structure, and for each patch and structure, of all cases.

    A slice that is not on the list has no scores (NaN); a slice without errors has errors of 0.
    """
    shares = [list(wanted)[i::processes] for i in range(processes)]
    found = Parallel(n_jobs=processes)(delayed(_share)(share) for share in shares if share)
    slices, patches = (pd.concat(parts, ignore_index=True) for parts in zip(*found, strict=True))
    return slices, patches


def _share(wanted: Pairs) -> Tables:
    torch.set_num_threads(1)  # the networks are small: two processes beat two threads
    ensemble = sq.DeepEnsemble(members())
    tables = [
        [table.assign(patient_id=patient, version=version) for table in _case(case, ensemble)]
        for (patient, version), case in zip(
            wanted, LazyCases(wanted, *image_folders()), strict=True
        )
    ]
    slices, patches = (pd.concat(parts, ignore_index=True) for parts in zip(*tables, strict=True))
    return slices, patches


def _case(case: sq.Case, ensemble: sq.DeepEnsemble) -> Tables:
    uncertainty = sq.UncertaintyAccumulator(STRUCTURES, case.spacing, maps=MAPS)
    for sample in ensemble(None, case.channels_first()):
        uncertainty.update(sample)
    structures = uncertainty.judged_structures()
    references = {name: case.reference == label for name, label in STRUCTURES.items()}
    features = uncertainty.features().values()
    doubt = max(1.0 - found["soft_dice_confidence"] for found in features)
    regions = find_regions(structures, case.case_id)
    slices = [_slices(each, references[each.name], case.case_id) for each in structures]
    patches = [_patches(each, references[each.name], case.case_id) for each in structures]
    together = pd.concat(slices, ignore_index=True)
    by_region = together["slice"].map(_best_region(regions, case.spacing)).fillna(0.0)
    listed = together[SLICE_SCORES[0]].notna()
    together = together.assign(case_doubt=doubt, region=by_region.where(listed))
    return together, pd.concat(patches, ignore_index=True)


def _slices(structure: JudgedStructure, reference: NDArray[np.bool_], case_id: str) -> pd.DataFrame:
    scored = [
        slice_rows(structure, case_id, score)[[*KEYS, "score"]].rename(columns={"score": score})
        for score in SLICE_SCORES
    ]
    errors = slice_errors(
        structure.judged.numpy(),
        reference,
        structure.spacing_mm,
        case_id=case_id,
        structure=structure.name,
    )
    table = reduce(lambda a, b: a.merge(b, on=KEYS), scored).merge(errors, how="outer", on=KEYS)
    nothing = {name: 0 for name in errors if name not in KEYS} | {"dice": 1.0}
    return table.fillna(nothing)


def _patches(
    structure: JudgedStructure, reference: NDArray[np.bool_], case_id: str
) -> pd.DataFrame:
    wrong = structure.judged.numpy() != reference
    tables = {values: patch_rows(structure, case_id, values) for values in PATCH_VALUES}
    first = next(iter(tables.values()))
    boxes = first[[f"{side}_{axis}" for axis in range(3) for side in ("first", "last")]].to_numpy()
    inside = [int(wrong[a : b + 1, c : d + 1, e : f + 1].sum()) for a, b, c, d, e, f in boxes]
    return pd.DataFrame(
        {
            **first[["case_id", "structure"]],
            **{values: table["score"] for values, table in tables.items()},
            "wrong": inside,
            "unlisted": int(wrong.sum()) - sum(inside),
        }
    )


def _best_region(regions: Regions, spacing: tuple[float, ...]) -> Mapping[int, float]:
    """Return the score of the best region in each slice that holds one."""
    axis = max(range(3), key=lambda place: (spacing[place], place))
    best: dict[int, float] = {}
    for row in regions.rows.to_dict("records"):
        for number in range(row[f"first_{axis}"], row[f"last_{axis}"] + 1):
            best[number] = max(best.get(number, 0.0), row["score"])
    return best
