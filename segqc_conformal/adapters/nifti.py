"""NIfTI files: the only place where nibabel is touched."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import nibabel
import numpy as np
from numpy.typing import NDArray

from segqc_conformal.errors import FileFormatError, GeometryError, on_one_line
from segqc_conformal.geometry import Grid, check_same_grid, spacing_in_words
from segqc_conformal.volume import Volume

__all__ = ["read_grid", "read_labels", "read_volume", "write_volume"]

_OTHER_UNITS = {"meter": 1e3, "micron": 1e-3}  # what a NIfTI header may say -> mm


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
    GeometryError
        If the header says that voxel sizes are not in mm.

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
    image, affine, spacing = _opened(Path(path), case_id)
    try:
        return Volume(np.asanyarray(image.dataobj), affine, spacing)
    except Exception as error:  # gzip and numpy each raise their own kinds
        raise _unreadable(Path(path), error, case_id) from error


def read_grid(path: str | Path, case_id: str | None = None) -> Grid:
    """Read where the voxels of a NIfTI file lie, from its header alone.

    Parameters
    ----------
    path, case_id
        As in `read_volume`.

    Returns
    -------
    Grid
        Its shape is that of the array, further axes included; its spacing that of the first three.

    Raises
    ------
    FileFormatError
        If the file is missing, corrupt or not NIfTI.
    GeometryError
        If its voxel sizes are not in mm.

    Notes
    -----
    Guarantee: none; the voxels are not read.
    """
    image, affine, spacing = _opened(Path(path), case_id)
    return Grid(tuple(image.shape), affine, spacing)


def _opened(path: Path, case_id: str | None) -> tuple[Any, NDArray[np.float64], tuple[float, ...]]:
    """Open a file without reading its voxels; return it with its affine and spacing."""
    try:
        image: Any = nibabel.load(path)
        affine = np.asarray(image.affine, dtype=np.float64)
        spacing = tuple(float(step) for step in image.header.get_zooms()[:3])
        unit = image.header.get_xyzt_units()[0]
    except FileNotFoundError:
        raise FileFormatError(
            "an existing NIfTI file", str(path), "check the path", case_id
        ) from None
    except Exception as error:  # nibabel and gzip each raise their own kinds
        raise _unreadable(path, error, case_id) from error
    if unit in _OTHER_UNITS:
        raise GeometryError(
            f"voxel sizes in mm in {path.name}",
            f"{spacing_in_words(spacing).removesuffix(' mm')} {unit}s",
            f"multiply spacing and affine by {_OTHER_UNITS[unit]:g}, and set the unit to mm",
            case_id,
        )
    return image, affine, spacing


def _unreadable(path: Path, error: Exception, case_id: str | None) -> FileFormatError:
    return FileFormatError(
        f"a readable NIfTI file in {path.name}",
        on_one_line(error),
        "copy or export the file again: it is truncated, corrupt or not NIfTI",
        case_id,
    )


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
        If a mask's shape or affine is not the image's, with the mistake named.

    Notes
    -----
    Guarantee: none.
    """
    labels = read_volume(path, case_id)
    axes = len(image.spacing_mm)
    regions = labels.array.ndim == axes + 1
    spatial = labels.array.shape[:axes] if regions else labels.array.shape
    grid = Grid(image.array.shape[:axes], image.affine)
    check_same_grid(grid, Grid(spatial, labels.affine), f"a {name}", case_id)
    return np.moveaxis(labels.array, -1, 0) if regions else labels.array
