"""A volume: an array with its place in space, whatever file it was read from."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

__all__ = ["Volume"]


class Volume(NamedTuple):
    """An array with its place in the scanner's space.

    ``array`` has the axes ``(x, y, z[, channels])`` of the file, ``affine`` is voxel to world in
    mm, shape (4, 4), with the world's axes to the patient's right, front and head (RAS, as in
    NIfTI), and ``spacing_mm`` has one entry per spatial axis. ``frame_of_reference`` is the UID of
    the space where the file names it (DICOM).
    """

    array: NDArray[Any]
    affine: NDArray[np.float64]
    spacing_mm: tuple[float, ...]
    frame_of_reference: str | None = None
