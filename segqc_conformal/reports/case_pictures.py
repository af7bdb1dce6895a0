"""Pictures of cases whose image, and mask if there is one, lie in folders."""

from __future__ import annotations

from pathlib import Path

from segqc_conformal.features.volume_folders import find_volumes
from segqc_conformal.reports.picture import Picture
from segqc_conformal.reports.slice_picture import mid_slice

__all__ = ["CasePictures"]


class CasePictures:
    """Make pictures of cases by name, each when it is asked for.

    Parameters
    ----------
    images : path
        Folder of images (see `find_volumes`).
    masks : path, optional
        Folder of deployed masks (see `find_volumes`). A case without one is shown without.

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
        self._images = find_volumes(images)
        self._masks = {} if masks is None else find_volumes(masks)

    def of(self, case_id: str) -> Picture | None:
        """Read the files of a case and cut the slice that shows most; None without an image.

        Raises
        ------
        FileFormatError, GeometryError
            If a file cannot be read, or the mask does not lie on the image's grid.
        """
        from segqc_conformal.features.case_reading import read_case

        if case_id not in self._images:
            return None
        case = read_case(
            self._images[case_id],
            case_id=case_id,
            patient_id=case_id,  # not shown
            mask=self._masks.get(case_id),
        )
        mask = case.mask
        if mask is not None and mask.ndim > len(case.spatial_shape):
            mask = mask.max(axis=0)  # overlapping regions: the outline of all of them
        return mid_slice(case, mask)
