"""The two data sets of the feature benchmark in one form, and the extraction of their features."""

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

import segqc_conformal as sq
from segqc_conformal.canonical_json import sha256_hex
from segqc_conformal.measures.schema import FeatureSchema

VERSIONS = ("clean", "degraded", "shifted")
SAMPLERS = ("ensemble", "dropout")
SCHEMA = FeatureSchema("full")
DROPOUT_SAMPLES = 10
# What the features of a case depend on; a change of any of it makes the cache start anew.
CODE = ("sampling", "uncertainty", "measures", "features")


@dataclass(frozen=True)
class DataSet:
    """A data set: its pairs (patient, version), and how they become cases and samples."""

    structures: dict[str, int]
    wanted: Callable[[str], Sequence[tuple[Any, str]]]
    cases: Callable[[Sequence[tuple[Any, str]]], Iterable[sq.Case]]
    members: Callable[[int], list[sq.Predictor]]


def _hippocampus_wanted(version: str) -> list[tuple[str, str]]:
    patients = hippocampus_cases.pool_patients(hippocampus_cases.image_folders()[0])
    # "shifted" is a change of contrast, which the degraded scans never have
    return [(one, "changed" if version == "shifted" else version) for one in patients]


def _hippocampus_cases(wanted: Sequence[tuple[str, str]]) -> Iterable[sq.Case]:
    return hippocampus_cases.LazyCases(wanted, *hippocampus_cases.image_folders())


DATA_SETS = {
    "hippocampus": DataSet(
        hippocampus_cases.STRUCTURES,
        _hippocampus_wanted,
        _hippocampus_cases,
        hippocampus_cases.members,
    ),
    "nuclei": DataSet(
        nuclei_cases.STRUCTURES,
        nuclei_cases.wanted,
        nuclei_cases.TileCases,
        nuclei_cases.members,
    ),
}


def feature_table(
    data: str, version: str, sampler: str, patients: int | None = None, processes: int = 2
) -> pd.DataFrame:
    """Extract the features of one version of a data set; each process takes its share.

    Finished cases are kept outside the repository, so that an interrupted run goes on.
    """
    wanted = DATA_SETS[data].wanted(version)[:patients]
    shares = [wanted[i::processes] for i in range(processes)]
    tables = Parallel(n_jobs=processes)(
        delayed(extract)(data, share, sampler, progress=i == 0)
        for i, share in enumerate(shares)
        if share
    )
    table = pd.concat(tables).sort_values(["case_id", "structure"], ignore_index=True)
    if table["failed"].notna().any():
        raise SystemExit(str(table["failed"].dropna().iloc[0]))  # figures of all cases or none
    return table


def extract(
    data: str, wanted: Sequence[tuple[Any, str]], sampler: str, progress: bool = False
) -> pd.DataFrame:
    """Extract the features of pairs (patient, version) on one thread."""
    torch.set_num_threads(1)  # the networks are small: two processes beat two threads
    of = DATA_SETS[data]
    members = of.members(5 if sampler == "ensemble" else 1)
    return sq.extract_features(
        of.cases(wanted),
        None if sampler == "ensemble" else members[0],
        sq.DeepEnsemble(members)
        if sampler == "ensemble"
        else sq.MCDropout(samples=DROPOUT_SAMPLES, seed=0),
        structures=of.structures,
        schema=SCHEMA,
        resume_folder=finished_folder() / data,
        progress=progress,
    )


def finished_folder() -> Path:
    """Return where finished cases are kept: a folder for each state of the code."""
    package = Path(sq.__file__).parent
    files = [file for part in CODE for file in sorted((package / part).glob("*.py"))]
    files += sorted(Path(__file__).parent.glob("*_cases.py"))
    files.append(Path(__file__).parent / "degradations.py")
    state = sha256_hex("".join(file.read_text() for file in files).encode())
    default = Path.home() / ".cache" / "segqc-conformal"
    return Path(os.environ.get("SEGQC_CACHE") or default) / "features" / state[:16]
