"""Shards: parts of a batch, each extracted apart and kept under a name made of its content."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import pandas as pd

from segqc_conformal.canonical_json import canonical_json, sha256_hex
from segqc_conformal.errors import InputError
from segqc_conformal.features.batch import Batch, extract_batch
from segqc_conformal.features.resume import case_key
from segqc_conformal.features.table import check_feature_table, read_table, write_table
from segqc_conformal.measures.schema import STANDARD, FeatureSchema

__all__ = ["extract_in_shards", "extract_shard", "shard_folder", "shard_of"]


def shard_folder(out: str | Path) -> Path:
    """Return the folder that holds the shards of a feature table.

    Examples
    --------
    >>> shard_folder("archive/features.parquet").as_posix()
    'archive/features.parquet.shards'
    """
    return Path(out).with_name(f"{Path(out).name}.shards")


def shard_of(batch: Batch, number: int, of: int) -> Batch:
    """Return one of the parts of a batch.

    Parameters
    ----------
    batch : Batch
    number : int
        1 to `of`.
    of : int
        How many parts there are, at most one for each case.

    Returns
    -------
    Batch
        Every `of`-th case in the order of their ids, in the batch's own order.

    Raises
    ------
    InputError
        For a number that is not among them, or more parts than cases.

    Notes
    -----
    Guarantee: the parts hold each case once; which part holds it depends on the case ids and `of`
    alone.
    """
    ids = sorted({case.case_id for case in batch.cases})
    if not (1 <= number <= of <= len(ids)):
        raise InputError(
            f"a shard I/N with 1 <= I <= N <= {len(ids)}, the number of cases",
            f"{number}/{of}",
            "number the shards from 1, and cut no more of them than there are cases",
        )
    mine = set(ids[number - 1 :: of])
    return replace(batch, cases=tuple(case for case in batch.cases if case.case_id in mine))


def extract_shard(
    batch: Batch,
    out: str | Path,
    structures: Mapping[str, int],
    number: int,
    of: int,
    *,
    schema: FeatureSchema = STANDARD,
    progress: bool = True,
) -> Path:
    """Extract one shard of a batch, unless it is there already.

    Parameters
    ----------
    batch : Batch
    out : path
        The feature table that the shards are for; they are kept in the folder beside it that
        `shard_folder` names.
    structures : mapping of str to int
    number, of : int
        As in `shard_of`.
    schema : FeatureSchema
    progress : bool
        Show a progress bar on standard error.

    Returns
    -------
    Path
        The shard's Parquet file. Its name is the SHA-256 of all that its rows depend on: ids of
        its cases, the bytes of their files, structures, model, sampler and schema.

    Raises
    ------
    InputError
        As `shard_of` does.

    Notes
    -----
    Guarantee: a file of that name was extracted from the same content. One in which a case failed
    is extracted again, its failed cases only.
    """
    part = shard_of(batch, number, of)
    path = shard_folder(out) / f"{_content_key(part, structures, schema)}.parquet"
    if not (path.exists() and read_table(path)["failed"].isna().all()):
        path.parent.mkdir(parents=True, exist_ok=True)
        extract_batch(part, path, structures, schema=schema, progress=progress)
    return path


def extract_in_shards(
    batch: Batch,
    out: str | Path,
    structures: Mapping[str, int],
    of: int,
    *,
    schema: FeatureSchema = STANDARD,
    progress: bool = True,
) -> pd.DataFrame:
    """Write the feature table of a batch from its shards; those that are not there are extracted.

    Parameters
    ----------
    batch, out, structures, of, schema, progress
        As in `extract_shard`; `out` is written as ``.parquet`` or ``.csv``.

    Returns
    -------
    DataFrame
        The feature table.

    Raises
    ------
    InputError
        As `shard_of` does.

    Notes
    -----
    Guarantee: the table of `extract_batch`, whatever `of` is and whoever extracted the shards.
    """
    files = [
        extract_shard(batch, out, structures, number, of, schema=schema, progress=progress)
        for number in range(1, of + 1)
    ]
    rows = pd.concat([read_table(path) for path in files], ignore_index=True)
    place = {case.case_id: place for place, case in enumerate(batch.cases)}
    order = rows["case_id"].map(place).argsort(kind="stable")
    table = check_feature_table(rows.iloc[order], corrupted=True)
    write_table(table, out)
    return table


def _content_key(part: Batch, structures: Mapping[str, int], schema: FeatureSchema) -> str:
    settings = {
        "model_id": part.sampler.model_id(part.predictor),
        "sampler_id": part.sampler.sampler_id,
        "schema_version": schema.version,
        "reading": part.settings,
    }
    keys = [case_key(case, structures, settings, by_content=True) for case in part.cases]
    return sha256_hex(canonical_json(keys).encode())
