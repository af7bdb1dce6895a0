"""Saved probabilities in folders, by case id."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from pathlib import Path

from segqc_conformal.adapters.nnunet import is_nnunet_folder
from segqc_conformal.features.named_files import (
    NIFTI,
    find_files,
    folders_inside,
    one_for_each_case,
)

__all__ = ["find_samples", "samples_of_folds"]


def find_samples(
    folder: str | Path, apart: Collection[str | Path] = ()
) -> dict[str, tuple[Path, ...]]:
    """Find saved probabilities by case id.

    Parameters
    ----------
    folder : path
        Holds, for each case, ``<case_id>.npz``, or ``<case_id>.nii.gz`` of shape
        ``(x, y, z, classes)``, or a folder ``<case_id>/`` of such NIfTI files, one per sample.
        Of a folder of nnU-Net v2, whose masks lie beside, only ``.npz`` files count.
    apart : collection of path
        Folders that hold something else (masks, images), even where they lie inside `folder`.

    Returns
    -------
    dict of str to tuple of Path
        Sorted by case id; empty if there is none.

    Raises
    ------
    FileFormatError
        If the folder does not exist.
    InputError
        If two files, or a file and a folder, name the same case.

    Notes
    -----
    Guarantee: none.
    """
    nnunet = is_nnunet_folder(folder)
    suffixes = (".npz",) if nnunet else (".npz", *NIFTI)
    files: dict[str, tuple[Path, ...]] = {
        case_id: (path,) for case_id, path in find_files(folder, suffixes).items()
    }
    if nnunet:
        return files
    inner = {part.name: tuple(find_files(part).values()) for part in folders_inside(folder, apart)}
    return one_for_each_case(folder, files, {name: paths for name, paths in inner.items() if paths})


def samples_of_folds(folders: Sequence[Path]) -> dict[str, tuple[Path, ...]]:
    """Find a path in each fold of nnU-Net; one that does not exist makes its case fail."""
    case_ids = {case_id for folder in folders for case_id in find_samples(folder)}
    return {
        case_id: tuple(folder / f"{case_id}.npz" for folder in folders)
        for case_id in sorted(case_ids)
    }
