"""All checks of `segqc doctor`, in the order in which they are shown."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from segqc_conformal.doctor import Finding, check_installation
from segqc_conformal.doctor_cases import check_case_list, check_cases, holds_probabilities
from segqc_conformal.doctor_model import check_model, check_model_on_case
from segqc_conformal.errors import InputError, SegqcError
from segqc_conformal.features.case_files import CaseFiles
from segqc_conformal.features.case_folders import FoundCases, find_cases
from segqc_conformal.features.case_list import read_case_list

if TYPE_CHECKING:
    from torch import nn

__all__ = ["diagnose"]


def diagnose(
    *,
    folder: Path | None = None,
    images: Path | None = None,
    masks: Path | None = None,
    references: Path | None = None,
    case_list: Path | None = None,
    structures: Mapping[str, int] | None = None,
    model: Path | None = None,
    spacing_mm: tuple[float, ...] | None = None,
    track: Callable[[Iterable[CaseFiles]], Iterable[CaseFiles]] = iter,
) -> list[Finding]:
    """Check the installation and whatever else is given.

    Parameters
    ----------
    folder : path, optional
        Saved probabilities or images, whichever it holds.
    images, masks, references : path, optional
        Folders, as in `find_cases`.
    case_list : path, optional
        As `read_case_list` takes it.
    structures : mapping of str to int, optional
        Labels that masks should hold.
    model : path, optional
        A file, as `check_model` reads it; run on the first image that can be read.
    spacing_mm : tuple of float, optional
        Voxel size of ``.npz`` probabilities where no file holds it.
    track : callable, optional
        Wraps the cases as they are read, for a progress bar.

    Returns
    -------
    list of Finding
        What cannot be read at all is a problem among them, never an exception.

    Notes
    -----
    Guarantee: none.
    """
    findings = check_installation()
    module: nn.Module | None = None
    if model is not None:
        of_model, module = check_model(model)
        findings += of_model
    if not any((folder, images, masks, references, case_list)):
        return findings
    labels = dict(structures or {})
    try:
        found, listed = _found(folder, images, masks, references, case_list, spacing_mm)
    except SegqcError as error:
        return [*findings, Finding("problem", "cases", str(error))]
    findings += listed
    findings += check_cases(found, labels, track)
    if module is not None and not found.samples:
        findings += _first_image(module, found, labels)
    return findings


def _found(
    folder: Path | None,
    images: Path | None,
    masks: Path | None,
    references: Path | None,
    case_list: Path | None,
    spacing_mm: tuple[float, ...] | None,
) -> tuple[FoundCases, list[Finding]]:
    saved = folder is not None and folder.is_dir() and holds_probabilities(folder)
    if folder is not None and images is not None and not saved:
        raise InputError("one folder of images", f"{folder} and {images}", "leave one out")
    if folder is None and images is None:
        raise InputError(
            "a folder of images or saved probabilities", "none", "name it: segqc doctor FOLDER"
        )
    listed = None if case_list is None else read_case_list(case_list)
    found = find_cases(
        images=images if saved else images or folder,
        probabilities=folder if saved else None,
        masks=masks,
        references=references,
        listed=listed,
        spacing_mm=spacing_mm,
    )
    return found, [] if listed is None else check_case_list(listed, found)


def _first_image(module: nn.Module, found: FoundCases, structures: dict[str, int]) -> list[Finding]:
    for files in found.cases:
        try:
            return [check_model_on_case(module, files.load(), structures)]
        except SegqcError:  # said above, where each case was read
            continue
    return []
