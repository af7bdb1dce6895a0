"""The two data sets of the splits benchmark in one form, and the extraction of their features."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import hippocampus_cases
import nuclei_cases
import pandas as pd
import torch
from joblib import Parallel, delayed
from member_dice import SCHEMA, apart_from_features

import segqc_conformal as sq

VERSIONS = ("clean", "degraded")


@dataclass(frozen=True)
class DataSet:
    """A data set: its patients, and how pairs (patient, version) become cases and samples.

    ``patients`` are those of the splits; ``pool`` those by whose figures predictor and methods may
    be chosen; ``patient_id`` is what the table calls one of them.
    """

    structures: dict[str, int]
    patients: Callable[[], Sequence[Any]]
    pool: Callable[[], Sequence[Any]]
    patient_id: Callable[[Any], str]
    cases: Callable[[Sequence[tuple[Any, str]]], Iterable[sq.Case]]
    members: Callable[[], list[sq.Predictor]]


def _hippocampus_images() -> Path:
    return hippocampus_cases.image_folders()[0]


def _hippocampus_cases(wanted: Sequence[tuple[str, str]]) -> Iterable[sq.Case]:
    return hippocampus_cases.LazyCases(wanted, *hippocampus_cases.image_folders())


DATA_SETS = {
    "hippocampus": DataSet(
        hippocampus_cases.STRUCTURES,
        lambda: hippocampus_cases.held_out_patients(_hippocampus_images()),
        lambda: hippocampus_cases.pool_patients(_hippocampus_images()),
        str,
        _hippocampus_cases,
        hippocampus_cases.members,
    ),
    "nuclei": DataSet(
        nuclei_cases.STRUCTURES,
        nuclei_cases.final_tiles,
        nuclei_cases.pool_tiles,
        nuclei_cases.tile_name,
        nuclei_cases.TileCases,
        nuclei_cases.members,
    ),
}


def feature_table(data: str, patients: Sequence[Any], processes: int) -> pd.DataFrame:
    """Extract both versions of the patients, with a column ``version``; processes share the work.

    Finished cases are kept outside the repository, so that an interrupted run goes on.
    """
    wanted = [(patient, version) for patient in patients for version in VERSIONS]
    shares = [wanted[i::processes] for i in range(processes)]
    tables = Parallel(n_jobs=processes)(
        delayed(_extract)(data, share, progress=i == 0) for i, share in enumerate(shares)
    )
    table = pd.concat(tables).sort_values(["case_id", "structure"], ignore_index=True)
    if table["failed"].notna().any():
        raise SystemExit(str(table["failed"].dropna().iloc[0]))  # figures of all cases or none
    return table.assign(version=table["case_id"].str.rsplit("-", n=1).str[1])


def _extract(data: str, wanted: Sequence[tuple[Any, str]], progress: bool) -> pd.DataFrame:
    torch.set_num_threads(1)  # the networks are small: two processes beat two threads
    of = DATA_SETS[data]
    table = sq.extract_features(
        of.cases(wanted),
        None,
        sq.DeepEnsemble(of.members()),
        structures=of.structures,
        schema=SCHEMA,
        resume_folder=_finished_folder() / data,
        progress=progress,
    )
    return apart_from_features(table)


def _finished_folder() -> Path:
    default = Path.home() / ".cache" / "segqc-conformal"
    return Path(os.environ.get("SEGQC_CACHE") or default) / "splits"
