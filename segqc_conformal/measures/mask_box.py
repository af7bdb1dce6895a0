"""The part of the grid around a mask: what is far away costs nothing."""

from __future__ import annotations

from math import ceil
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from segqc_conformal.uncertainty.judged_structure import JudgedStructure

__all__ = ["MaskBox", "judged_box", "mask_box"]


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


def mask_box(mask: NDArray[np.bool_]) -> MaskBox | None:
    """Cut out the bounding box of a mask.

    Parameters
    ----------
    mask : ndarray of bool, shape ``(*spatial)``

    Returns
    -------
    MaskBox or None
        None for an empty mask.

    Notes
    -----
    Guarantee: none (geometry).

    Examples
    --------
    >>> mask_box(np.array([0, 0, 0, 1, 0, 1, 0], dtype=bool)).slices
    (slice(3, 6, None),)
    """
    slices = []
    for axis in range(mask.ndim):
        others = tuple(other for other in range(mask.ndim) if other != axis)
        held = np.flatnonzero(mask.any(axis=others))
        if not held.size:
            return None
        slices.append(slice(int(held[0]), int(held[-1]) + 1))
    return MaskBox(tuple(slices), mask[tuple(slices)], mask.shape)


def judged_box(structure: JudgedStructure, margin_mm: float = 0.0) -> MaskBox | None:
    """Cut out the box of a judged mask with a margin on each side, as far as the grid goes.

    Parameters
    ----------
    structure : JudgedStructure
        On a grid.
    margin_mm : float, >= 0
        Rounded up to whole voxels.

    Returns
    -------
    MaskBox or None
        None for an empty mask.

    Notes
    -----
    Guarantee: none (geometry).

    Examples
    --------
    >>> import torch
    >>> from segqc_conformal.uncertainty.bit_planes import BitPlanes
    >>> mask = torch.tensor([0, 0, 0, 1, 0, 0, 0]).bool()
    >>> structure = JudgedStructure("a", None, 2, {}, BitPlanes(), mask, mask.long(), (1.5,))
    >>> judged_box(structure, 2.0).slices
    (slice(1, 6, None),)
    """
    if structure.box is None:
        return None
    shape = tuple(structure.judged.shape)
    slices = []
    for part, length, step in zip(structure.box, shape, structure.spacing_mm, strict=True):
        wide = ceil(margin_mm / step)
        slices.append(slice(max(0, part.start - wide), min(length, part.stop + wide)))
    return MaskBox(tuple(slices), structure.judged[tuple(slices)].cpu().numpy(), shape)
