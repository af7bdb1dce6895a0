"""Images and masks in folders, by case id."""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path

from segqc_conformal.adapters.dicom_files import holds_dicom
from segqc_conformal.features.named_files import (
    NIFTI,
    find_files,
    folders_inside,
    one_for_each_case,
)

__all__ = ["find_volumes"]


def find_volumes(folder: str | Path, apart: Collection[str | Path] = ()) -> dict[str, Path]:
    """Find images or masks by case id.

    Parameters
    ----------
    folder : path
        Holds, for each case, ``<case_id>.nii.gz``, or ``<case_id>.dcm`` (an enhanced multi-frame
        image or a DICOM SEG), or a folder ``<case_id>/`` of the DICOM files of one series.
    apart : collection of path
        Folders that hold something else, even where they lie inside `folder`.

    Returns
    -------
    dict of str to Path
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
    files = find_files(folder, (*NIFTI, ".dcm"))
    series = {part.name: part for part in folders_inside(folder, apart) if holds_dicom(part)}
    return one_for_each_case(folder, files, series)
