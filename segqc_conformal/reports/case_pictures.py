"""Pictures of cases whose image, and mask if there is one, lie in folders."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from segqc_conformal.errors import InputError
from segqc_conformal.features.case_folders import find_files
from segqc_conformal.reports.picture import Picture, mid_slice

__all__ = ["CasePictures"]


class CasePictures:
    """Make pictures of cases by name, each when it is asked for.

    Parameters
    ----------
    images : path
        Folder of NIfTI images, ``<case_id>.nii.gz``.
    masks : path, optional
        Folder of deployed masks, ``<case_id>.nii.gz``. A case without one is shown without.

    Raises
    ------
    FileFormatError
        If a folder does not exist.
    InputError
        If two files name the same case.

    Notes
    -----
    Guarantee: none.
    """

    def __init__(self, images: str | Path, masks: str | Path | None = None) -> None:
        self._images = find_files(images)
        self._masks = {} if masks is None else find_files(masks)

    def of(self, case_id: str) -> Picture:
        """Read the files of a case and cut the slice that shows most.

        Raises
        ------
        InputError
            If there is no image of the case.
        FileFormatError, GeometryError
            If a file cannot be read, or the mask does not lie on the image's grid.
        """
        from segqc_conformal.adapters.nifti import read_case

        if case_id not in self._images:
            raise InputError(
                "an image of each case that is shown",
                f"no {case_id}.nii.gz",
                "add it to the folder of images",
                case_id,
            )
        case = read_case(
            self._images[case_id],
            case_id=case_id,
            patient_id=case_id,  # not shown
            mask=self._masks.get(case_id),
        )
        mask = np.zeros(case.spatial_shape, int) if case.mask is None else case.mask
        return mid_slice(case, mask)
