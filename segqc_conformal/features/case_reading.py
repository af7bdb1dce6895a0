"""Reading a case from files: which reader a file gets, and one geometry for all of them."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from segqc_conformal.adapters.dicom_files import check_dicom_installed, holds_dicom
from segqc_conformal.case import Case
from segqc_conformal.volume import Volume

__all__ = ["read_case", "read_image", "read_mask"]


def read_case(
    image: str | Path,
    *,
    case_id: str,
    patient_id: str,
    site: str = "unknown",
    mask: str | Path | None = None,
    reference: str | Path | None = None,
    time: datetime | None = None,
) -> Case:
    """Read image, deployed mask and reference mask of a case, and compare their geometry.

    Parameters
    ----------
    image : path
        NIfTI ``(x, y, z)``, a fourth axis is its channels; or DICOM: the folder of a series of
        single-frame slices, or an enhanced multi-frame file.
    mask, reference : path
        NIfTI label maps or DICOM SEG, on the image's grid.
    case_id, patient_id, site, time
        As in `Case`.

    Returns
    -------
    Case
        With the spacing and affine of the image.

    Raises
    ------
    FileFormatError
        If a file cannot be read.
    InputError
        If the files of a folder belong to several series, or the ``dicom`` extra is missing.
    GeometryError
        If the slices of a series make no grid, or a mask does not lie on the image's grid.

    Notes
    -----
    Guarantee: none.
    """
    volume = read_image(image, case_id)
    array = np.moveaxis(volume.array, -1, 0) if volume.array.ndim == 4 else volume.array
    return Case(
        np.ascontiguousarray(array),
        case_id=case_id,
        patient_id=patient_id,
        site=site,
        time=time,
        spacing_mm=volume.spacing_mm,
        affine=volume.affine,
        mask=None if mask is None else read_mask(mask, volume, "mask", case_id),
        reference=None if reference is None else read_mask(reference, volume, "reference", case_id),
    )


def read_image(path: str | Path, case_id: str | None = None) -> Volume:
    """Read an image from NIfTI or DICOM; errors as of `read_case`."""
    if holds_dicom(path):
        check_dicom_installed(case_id)
        from segqc_conformal.adapters.dicom_series import read_series

        return read_series(path, case_id)
    from segqc_conformal.adapters.nifti import read_volume

    return read_volume(path, case_id)


def read_mask(
    path: str | Path, image: Volume, name: str = "mask", case_id: str | None = None
) -> NDArray[Any]:
    """Read a mask on the grid of an image from NIfTI or DICOM SEG; errors as of `read_case`."""
    if holds_dicom(path):
        check_dicom_installed(case_id)
        from segqc_conformal.adapters.dicom_seg import read_segmentation

        return read_segmentation(path, image, name, case_id)
    from segqc_conformal.adapters.nifti import read_labels

    return read_labels(path, image, name, case_id)
