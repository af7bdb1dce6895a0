"""NIfTI files: the only place where nibabel is touched."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import nibabel
import numpy as np
from numpy.typing import NDArray

from segqc_conformal.errors import FileFormatError, GeometryError, on_one_line
from segqc_conformal.volume import Volume

__all__ = ["read_labels", "read_volume", "write_volume"]

# Two tools that write one grid differ in the last digits of a float32 affine, in mm.
_AFFINE_TOLERANCE_MM = 1e-3


def read_volume(path: str | Path, case_id: str | None = None) -> Volume:
    """Read one NIfTI file.

    Parameters
    ----------
    path : path of a ``.nii`` or ``.nii.gz`` file
    case_id : str, optional
        Named in errors.

    Returns
    -------
    Volume

    Raises
    ------
    FileFormatError
        If the file is missing, corrupt, truncated or not NIfTI.

    Notes
    -----
    Guarantee: none.

    Examples
    --------
    >>> import tempfile
    >>> path = Path(tempfile.mkdtemp()) / "image.nii.gz"
    >>> write_volume(path, np.ones((2, 3, 4), np.float32), np.diag([1.0, 1.0, 2.5, 1.0]))
    >>> read_volume(path).spacing_mm
    (1.0, 1.0, 2.5)
    """
    path = Path(path)
    try:
        image: Any = nibabel.load(path)
        array = np.asanyarray(image.dataobj)
        spatial_axes = min(array.ndim, 3)
        spacing = tuple(float(step) for step in image.header.get_zooms()[:spatial_axes])
        return Volume(array, np.asarray(image.affine, dtype=np.float64), spacing)
    except FileNotFoundError:
        raise FileFormatError(
            "an existing NIfTI file", str(path), "check the path", case_id
        ) from None
    except Exception as error:  # nibabel, gzip and numpy each raise their own kinds
        raise FileFormatError(
            f"a readable NIfTI file in {path.name}",
            on_one_line(error),
            "copy or export the file again: it is truncated, corrupt or not NIfTI",
            case_id,
        ) from error


def write_volume(path: str | Path, array: NDArray[Any], affine: NDArray[np.float64]) -> None:
    """Write an array and its voxel-to-world matrix as NIfTI.

    Parameters
    ----------
    path : path of a ``.nii`` or ``.nii.gz`` file
    array : ndarray, shape ``(x, y, z)``; integers other than 8 to 32 bits are saved as int32
    affine : ndarray, shape (4, 4), mm

    Raises
    ------
    ImageFileError
        From nibabel, for another suffix.

    Notes
    -----
    Guarantee: none.
    """
    values = array.astype(np.int32) if array.dtype in (np.int64, np.uint64, np.bool_) else array
    image: Any = nibabel.Nifti1Image(values, affine)  # type: ignore[no-untyped-call]
    image.header.set_xyzt_units("mm")
    # Viewers open an overlay with this range of colours; of labels they choose it themselves.
    if values.dtype.kind == "f":
        image.header["cal_min"], image.header["cal_max"] = 0.0, float(values.max(initial=0.0))
    nibabel.save(image, path)


def read_labels(
    path: str | Path, image: Volume, name: str = "mask", case_id: str | None = None
) -> NDArray[Any]:
    """Read a mask that lies on the grid of an image.

    Parameters
    ----------
    path : path of a ``.nii`` or ``.nii.gz`` file
        ``(x, y, z)``; overlapping regions are one more axis, the last.
    image : Volume
    name : str
        What the mask is, in errors.
    case_id : str, optional
        Named in errors.

    Returns
    -------
    ndarray, shape ``(x, y, z)`` or ``(regions, x, y, z)``

    Raises
    ------
    FileFormatError
        If the file cannot be read.
    GeometryError
        If shape or affine are not the image's.

    Notes
    -----
    Guarantee: none.
    """
    labels = read_volume(path, case_id)
    expected = image.array.shape[: len(image.spacing_mm)]
    regions = labels.array.ndim == len(expected) + 1
    if labels.array.shape[: len(expected)] != expected or labels.array.ndim > len(expected) + 1:
        raise GeometryError(
            f"a {name} of the image's shape {expected}",
            labels.array.shape,
            "resample it to the image's grid; overlapping regions are one more axis, the last",
            case_id,
        )
    apart = float(np.abs(labels.affine - image.affine).max())
    # Written so that a NaN in either affine is refused too.
    if not apart <= _AFFINE_TOLERANCE_MM:
        raise GeometryError(
            f"a {name} with the image's affine",
            f"affines that differ by up to {apart:.4g} mm",
            "resample it to the image's grid, or repair the header",
            case_id,
        )
    return np.moveaxis(labels.array, -1, 0) if regions else labels.array
