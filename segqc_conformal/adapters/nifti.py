"""NIfTI files: the only place where nibabel is touched."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import Any, NamedTuple

import nibabel
import numpy as np
from numpy.typing import NDArray

from segqc_conformal.case import Case
from segqc_conformal.errors import FileFormatError, GeometryError, on_one_line
from segqc_conformal.geometry import Grid, check_same_grid, spacing_in_words

__all__ = ["Volume", "read_case", "read_grid", "read_volume", "write_volume"]

_OTHER_UNITS = {"meter": 1e3, "micron": 1e-3}  # what a NIfTI header may say -> mm


class Volume(NamedTuple):
    """An array with its place in the scanner's space.

    ``array`` has the file's axis order ``(x, y, z[, channels])``, ``affine`` is voxel to world in
    mm, shape (4, 4), and ``spacing_mm`` has one entry per spatial axis.
    """

    array: NDArray[Any]
    affine: NDArray[np.float64]
    spacing_mm: tuple[float, ...]


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
    image, mask, reference : path
        ``(x, y, z)``; a fourth axis of the image is its channels.
    case_id, patient_id, site, time
        As in `Case`.

    Returns
    -------
    Case
        With the spacing and affine of the image file.

    Raises
    ------
    FileFormatError
        If a file cannot be read.
    GeometryError
        If a mask's shape or affine is not the image's, with the mistake named.

    Notes
    -----
    Guarantee: none.
    """
    volume = read_volume(image, case_id)
    array = np.moveaxis(volume.array, -1, 0) if volume.array.ndim == 4 else volume.array
    return Case(
        np.ascontiguousarray(array),
        case_id=case_id,
        patient_id=patient_id,
        site=site,
        time=time,
        spacing_mm=volume.spacing_mm,
        affine=volume.affine,
        mask=_read_labels(mask, volume, "mask", case_id),
        reference=_read_labels(reference, volume, "reference", case_id),
    )


def _read_labels(
    path: str | Path | None, image: Volume, name: str, case_id: str
) -> NDArray[Any] | None:
    if path is None:
        return None
    labels = read_volume(path, case_id)
    axes = len(image.spacing_mm)
    regions = labels.array.ndim == axes + 1
    spatial = labels.array.shape[:axes] if regions else labels.array.shape
    grid = Grid(image.array.shape[:axes], image.affine)
    check_same_grid(grid, Grid(spatial, labels.affine), f"a {name}", case_id)
    return np.moveaxis(labels.array, -1, 0) if regions else labels.array
