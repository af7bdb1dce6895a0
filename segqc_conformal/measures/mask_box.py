"""The part of the grid around a mask: what is far away costs nothing."""

from __future__ import annotations

from math import ceil
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

__all__ = ["MaskBox", "mask_box"]


class MaskBox(NamedTuple):
    """A box of a grid and the mask within it.

    ``slices`` cut the box out of the grid of `shape`; ``mask`` is the mask there.
    """

    slices: tuple[slice, ...]
    mask: NDArray[np.bool_]
    shape: tuple[int, ...]

    def flat_indices(self, chosen: NDArray[np.bool_]) -> NDArray[np.int64]:
        """Return the indices in the whole flattened grid of the box voxels `chosen`, ascending."""
        inside = np.nonzero(chosen)
        places = [at + part.start for at, part in zip(inside, self.slices, strict=True)]
        return np.asarray(np.ravel_multi_index(tuple(places), self.shape), dtype=np.int64)

    def cut_around(self, array: NDArray[Any]) -> NDArray[Any]:
        """Cut the box and one voxel on each side out of an array on the grid; 0 outside it."""
        wide = tuple(
            slice(max(0, part.start - 1), min(length, part.stop + 1))
            for part, length in zip(self.slices, self.shape, strict=True)
        )
        missing = [
            (int(part.start == 0), int(part.stop == length))
            for part, length in zip(self.slices, self.shape, strict=True)
        ]
        return np.pad(array[wide], missing)


def mask_box(
    mask: NDArray[np.bool_], margin_mm: float, spacing_mm: tuple[float, ...]
) -> MaskBox | None:
    """Cut out the bounding box of a mask with a margin on each side, as far as the grid goes.

    Parameters
    ----------
    mask : ndarray of bool, shape ``(*spatial)``
    margin_mm : float, >= 0
        Rounded up to whole voxels.
    spacing_mm : tuple of float
        One per axis, > 0.

    Returns
    -------
    MaskBox or None
        None for an empty mask.

    Notes
    -----
    Guarantee: none (geometry).

    Examples
    --------
    >>> mask_box(np.array([0, 0, 0, 1, 0, 0, 0], dtype=bool), 2.0, (1.5,)).slices
    (slice(1, 6, None),)
    """
    slices = []
    for axis, (length, step) in enumerate(zip(mask.shape, spacing_mm, strict=True)):
        others = tuple(other for other in range(mask.ndim) if other != axis)
        held = np.flatnonzero(mask.any(axis=others))
        if not held.size:
            return None
        wide = ceil(margin_mm / step)
        slices.append(slice(max(0, int(held[0]) - wide), min(length, int(held[-1]) + 1 + wide)))
    return MaskBox(tuple(slices), mask[tuple(slices)], mask.shape)
