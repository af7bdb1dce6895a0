"""A batch of cases with what samples them: from what a user points at to a feature table."""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from segqc_conformal.adapters.nnunet import NnunetFolder, find_folds
from segqc_conformal.canonical_json import canonical_json, sha256_hex
from segqc_conformal.errors import FileFormatError, InputError
from segqc_conformal.features.case_files import CaseFiles
from segqc_conformal.features.case_folders import find_cases
from segqc_conformal.features.case_list import read_case_list
from segqc_conformal.features.extract import extract_features
from segqc_conformal.features.programs import find_programs, programs_as_sampler
from segqc_conformal.features.table import write_table
from segqc_conformal.measures.schema import STANDARD, FeatureSchema
from segqc_conformal.sampling.channels import Channels
from segqc_conformal.sampling.predictor import Predictor
from segqc_conformal.sampling.sampler import Sampler
from segqc_conformal.sampling.stored_samples import StoredSamples

__all__ = ["Batch", "extract_batch", "open_batch"]


@dataclass(frozen=True, eq=False)
class Batch:
    """Cases and their sampler.

    Parameters
    ----------
    cases : tuple of CaseFiles
    predictor : Predictor or None
        None where the sampler brings its own models or samples.
    sampler : Sampler
    unused : tuple of path
        Files that fit no case.
    settings : str
        Hash of what changes the features and stands in no case and no model id.
    folds : tuple of path
        Folders of nnU-Net, where the samples are from there.

    Notes
    -----
    Guarantee: none.
    """

    cases: tuple[CaseFiles, ...]
    predictor: Predictor | None
    sampler: Sampler
    unused: tuple[Path, ...]
    settings: str
    folds: tuple[Path, ...] = ()


def open_batch(
    source: str,
    *,
    images: Path | None = None,
    masks: Path | None = None,
    references: Path | None = None,
    case_list: Path | None = None,
    model_id: str | None = None,
    activation: str | None = None,
    channels: Channels | None = None,
    spacing_mm: tuple[float, ...] | None = None,
    trust_config: bool = False,
) -> Batch:
    """Open saved probabilities, or models with images.

    Parameters
    ----------
    source : str
        A folder of saved probabilities, folders of nnU-Net separated by commas, one for each
        fold (see `find_folds`), or models (see `find_programs`).
    images, masks, references : path, optional
        Folders, as in `find_cases`.
    case_list : path, optional
        As `read_case_list` takes it.
    model_id : str, optional
        Required for saved probabilities; for one model it replaces the hash of its weights.
    activation : str, optional
        Of the models' output, as in `Predictor` ("softmax" if None); refused for probabilities.
    channels : {"exclusive", "overlapping", "evidence"}, optional
        What the channels of saved probabilities mean ("exclusive" if None); refused for models,
        whose activation says it, and for nnU-Net, whose ``dataset.json`` says it.
    spacing_mm : tuple of float, optional
        Voxel size of ``.npz`` probabilities where no file holds it; refused for models.
    trust_config : bool
        Whether the config of a MONAI bundle may run code, as in `load_bundle`.

    Returns
    -------
    Batch

    Raises
    ------
    InputError
        For settings that do not belong together, files of other kinds, or no case at all.

    Notes
    -----
    Guarantee: none.
    """
    folds = find_folds(source)
    programs = () if folds else find_programs(source)
    _check_settings(source, programs, images, model_id, activation, channels, spacing_mm)
    _check_folds(folds, channels)
    found = find_cases(
        images=images,
        probabilities=None if programs else folds or source,
        masks=masks,
        references=references,
        listed=None if case_list is None else read_case_list(case_list),
        spacing_mm=spacing_mm,
    )
    stored = NnunetFolder(folds[0]).channels if folds else channels or "exclusive"
    predictor, sampler = (
        programs_as_sampler(programs, activation or "softmax", model_id, trust_config)
        if programs
        else (None, StoredSamples(found.samples, model_id=str(model_id), channels=stored))
    )
    settings = {"activation": activation, "channels": channels, "spacing_mm": spacing_mm}
    hashed = sha256_hex(canonical_json(settings).encode())
    return Batch(found.cases, predictor, sampler, found.unused, hashed, folds)


def _check_settings(
    source: str,
    programs: tuple[Path, ...],
    images: Path | None,
    model_id: str | None,
    activation: str | None,
    channels: Channels | None,
    spacing_mm: tuple[float, ...] | None,
) -> None:
    if programs and images is None:
        raise InputError("images for the model", source, "give their folder by --images")
    if programs and spacing_mm is not None:
        raise InputError("spacing from the images", spacing_mm, "leave --spacing out")
    if programs and channels is not None:
        raise InputError(
            "models, whose --activation says what their channels mean",
            f"--channels {channels}",
            "leave it out",
        )
    if len(programs) > 1 and model_id is not None:
        raise InputError(
            "no --model-id for an ensemble", model_id, "leave it out: its weights name it"
        )
    if not programs and not model_id:
        raise InputError(
            "a name for the model that made the probabilities",
            "none",
            "give --model-id, and another one whenever the model changes",
        )
    if not programs and activation is not None:
        raise InputError(
            "saved probabilities, which need no activation",
            f"--activation {activation}",
            "leave it out, and save probabilities, not logits",
        )


def _check_folds(folds: tuple[Path, ...], channels: Channels | None) -> None:
    if folds and channels is not None:
        raise InputError(
            "folders of nnU-Net, whose dataset.json says what their channels mean",
            f"--channels {channels}",
            "leave it out",
        )
    said = [(folder.channels, folder.structures) for folder in map(NnunetFolder, folds)]
    if any(each != said[0] for each in said):
        raise InputError(
            "folds of one dataset, with the same labels",
            [structures for _, structures in said],
            "give the folders of one model",
        )


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
    if out.suffix not in (".parquet", ".csv"):
        raise FileFormatError("--out as a .parquet or .csv file", out.name, "choose one of these")
    for folder in batch.folds:
        NnunetFolder(folder).check_structures(structures)
    unfinished = out.with_name(f".{out.name}.unfinished")
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
