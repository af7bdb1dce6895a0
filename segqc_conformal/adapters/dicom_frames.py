"""Frames of DICOM images: one flat header and one plane of pixels each, whatever the file's kind.

The one convention: the array of a volume has the axes (column, row, slice), slices in the order of
the normal (direction of the rows x direction of the columns), as ITK and 3D Slicer read it. DICOM's
world points to the patient's left, back and head (LPS); `Volume` has right, front, head (RAS).
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from pydicom import Dataset

from segqc_conformal.errors import FileFormatError, GeometryError, on_one_line

__all__ = ["LPS_TO_RAS", "TOLERANCE", "Frame", "frames_of"]

LPS_TO_RAS = np.diag([-1.0, -1.0, 1.0, 1.0])
# of a voxel: positions are decimal strings of 16 characters, and tables do not move evenly
TOLERANCE = 0.02


class Frame(NamedTuple):
    """One plane.

    ``header`` has the attributes of a single-frame image; ``pixels`` are as stored, ``(row,
    column)``; ``position`` is the centre of its first pixel,
    ``steps`` are the ways to the next column and to the next row, in mm, LPS.
    """

    name: str
    header: Dataset
    pixels: NDArray[Any]
    position: NDArray[np.float64]
    steps: NDArray[np.float64]

    @property
    def normal(self) -> NDArray[np.float64]:
        """Unit vector at right angles to the plane."""
        across = np.cross(*self.steps)
        return np.asarray(across / np.linalg.norm(across))


def frames_of(dataset: Dataset, name: str, case_id: str | None = None) -> Iterator[Frame]:
    """Yield the frames of a single-frame or enhanced multi-frame image.

    Parameters
    ----------
    dataset : Dataset
    name : str
        Of the file, for errors.
    case_id : str, optional

    Yields
    ------
    Frame

    Raises
    ------
    FileFormatError
        If the pixels cannot be decoded, or are in colour.
    GeometryError
        If a frame does not say where it lies.

    Notes
    -----
    Guarantee: none.
    """
    if dataset.get("SamplesPerPixel", 1) != 1:
        raise FileFormatError(
            f"one grey value per pixel in {name}",
            f"{dataset.SamplesPerPixel} samples per pixel",
            "give the series of slices, not a secondary capture in colour",
            case_id,
        )
    pixels = _pixels(dataset, name, case_id)
    if "PerFrameFunctionalGroupsSequence" not in dataset:
        yield _frame(name, dataset, pixels, case_id)
        return
    for number, groups in enumerate(dataset.PerFrameFunctionalGroupsSequence):
        header = Dataset()
        for part in (*dataset.get("SharedFunctionalGroupsSequence", ()), groups):
            for element in part:
                if element.VR == "SQ" and element.value:
                    header.update(element.value[0])
        yield _frame(f"frame {number + 1} of {name}", header, pixels[number], case_id)


def _pixels(dataset: Dataset, name: str, case_id: str | None) -> NDArray[Any]:
    try:
        pixels = dataset.pixel_array
    except Exception as error:  # pydicom and its decoders raise many kinds
        raise FileFormatError(
            f"pixels of {name} that can be decoded",
            on_one_line(error),
            "export the series again, uncompressed (Explicit VR Little Endian)",
            case_id,
        ) from error
    multi = "PerFrameFunctionalGroupsSequence" in dataset
    if not multi and pixels.ndim != 2:
        raise FileFormatError(
            f"single-frame slices or an enhanced multi-frame image in {name}",
            f"{len(pixels)} frames without a place for each",
            "export it as an enhanced multi-frame image",
            case_id,
        )
    return pixels[None] if multi and pixels.ndim == 2 else pixels


def _frame(name: str, header: Dataset, pixels: NDArray[Any], case_id: str | None) -> Frame:
    needed = ("ImagePositionPatient", "ImageOrientationPatient", "PixelSpacing")
    missing = [keyword for keyword in needed if not header.get(keyword)]
    if missing:
        raise GeometryError(
            f"{', '.join(missing)} in {name}",
            "none",
            "give slices of a volume; projections and screenshots have no place in space",
            case_id,
        )
    along_row, along_column = np.array(header.ImageOrientationPatient, dtype=float).reshape(2, 3)
    between_rows, between_columns = map(float, header.PixelSpacing)
    steps = np.stack([along_row * between_columns, along_column * between_rows])
    return Frame(name, header, pixels, np.array(header.ImagePositionPatient, dtype=float), steps)
