"""From a batch to its feature table on disk."""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from pathlib import Path

import pandas as pd

from segqc_conformal.adapters.nnunet import NnunetFolder
from segqc_conformal.errors import FileFormatError
from segqc_conformal.features.batch import Batch
from segqc_conformal.features.extract import extract_features
from segqc_conformal.features.table import write_table
from segqc_conformal.measures.schema import STANDARD, FeatureSchema

__all__ = ["check_out", "extract_batch"]


def check_out(batch: Batch, out: Path, structures: Mapping[str, int]) -> None:
    """Refuse, before anything is computed, what could not be written in the end.

    Raises
    ------
    FileFormatError, InputError
        As `extract_batch` does.
    """
    if out.suffix not in (".parquet", ".csv"):
        raise FileFormatError("--out as a .parquet or .csv file", out.name, "choose one of these")
    for folder in batch.folds:
        NnunetFolder(folder).check_structures(structures)


def extract_batch(
    batch: Batch,
    out: str | Path,
    structures: Mapping[str, int],
    *,
    schema: FeatureSchema = STANDARD,
    maps_folder: str | Path | None = None,
    progress: bool = True,
) -> pd.DataFrame:
    """Extract the feature table of a batch and write it; a repeated call goes on where one stopped.

    Parameters
    ----------
    batch : Batch
    out : path
        ``.parquet`` or ``.csv``. Finished cases are kept in a hidden folder beside it, which is
        removed once the table is written and no case of it failed.
    structures : mapping of str to int
    schema, maps_folder
        As in `extract_features`.
    progress : bool
        Show a progress bar on standard error.

    Returns
    -------
    DataFrame
        The feature table, as `extract_features` returns it.

    Raises
    ------
    FileFormatError
        If `out` has another suffix; nothing is computed then.
    InputError
        If nnU-Net gives a structure of that name another label.

    Notes
    -----
    Guarantee: every case of the batch comes out.
    """
    out = Path(out)
    check_out(batch, out, structures)
    unfinished = out.with_name(f".{out.name}.unfinished")
    unfinished.mkdir(parents=True, exist_ok=True)  # what cannot be written is known before hours
    table = extract_features(
        batch.cases,
        batch.predictor,
        batch.sampler,
        structures=structures,
        schema=schema,
        maps_folder=maps_folder,
        resume_folder=unfinished / batch.settings[:16],
        progress=progress,
    )
    write_table(table, out)
    if table["failed"].isna().all():
        shutil.rmtree(unfinished, ignore_errors=True)
    return table
