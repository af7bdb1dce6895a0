"""The columns that say where a patch or region lies."""

from __future__ import annotations

from typing import Any

from numpy.typing import NDArray

__all__ = ["box_columns"]


def box_columns(
    first: NDArray[Any], last: NDArray[Any], centre: NDArray[Any], spacing_mm: tuple[float, ...]
) -> dict[str, NDArray[Any]]:
    """Return first and last voxel and centre of boxes ``(boxes, axes)``, column by column.

    The centre is in voxels and in mm from the centre of the first voxel of the grid.

    Examples
    --------
    >>> import numpy as np
    >>> box = np.array([[2, 4]])
    >>> box_columns(box, box, box, (1.0, 0.5))["centre_mm_1"].tolist()
    [2.0]
    """
    columns: dict[str, NDArray[Any]] = {}
    for axis, step in enumerate(spacing_mm):
        columns |= {f"first_{axis}": first[:, axis], f"last_{axis}": last[:, axis]}
        columns |= {f"centre_{axis}": centre[:, axis], f"centre_mm_{axis}": centre[:, axis] * step}
    return columns
