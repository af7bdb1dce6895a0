"""The patch of a map, of a given size in mm, with the largest mean."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from segqc_conformal.uncertainty.judged_structure import JudgedStructure

__all__ = ["PATCH_MM", "Patches"]

PATCH_MM = 10.0


@dataclass(frozen=True, eq=False)
class Patches:
    """All windows of `PATCH_MM` on each axis that touch a judged mask.

    Notes
    -----
    Guarantee: none. Along an axis shorter than the window, what is missing counts as certain (0).
    Where the mask lies in the grid changes no value of a map >= 0 that is 0 outside: of two windows
    that hold the same uncertain voxels the mean is the same.
    Source: Zenk et al., arXiv 2406.03323 (patch aggregation, there 10 voxels on each axis).
    """

    slices: tuple[slice, ...]
    padding: tuple[tuple[int, int], ...]
    window: tuple[int, ...]
    touching: NDArray[np.bool_]

    @classmethod
    def around(cls, structure: JudgedStructure) -> Patches | None:
        """Return the windows around a structure; None for an empty mask.

        Examples
        --------
        >>> import torch
        >>> from segqc_conformal.uncertainty.bit_planes import BitPlanes
        >>> mask = torch.tensor([1, 0, 0, 0]).bool()
        >>> args = (BitPlanes(), mask, mask.long(), (5.0,))
        >>> Patches.around(JudgedStructure("apex", None, 2, {}, *args)).touching.tolist()
        [True]
        """
        spacing = structure.spacing_mm
        # A flat image stored with a third axis is not averaged with nothing.
        window = tuple(
            1 if length == 1 else max(1, round(PATCH_MM / step))
            for length, step in zip(structure.judged.shape, spacing, strict=True)
        )
        if structure.box is None:
            return None
        slices = tuple(
            slice(max(0, part.start - wide + 1), min(length, part.stop + wide - 1))
            for part, wide, length in zip(
                structure.box, window, structure.judged.shape, strict=True
            )
        )
        padding = tuple(
            (0, max(0, wide - (part.stop - part.start)))
            for part, wide in zip(slices, window, strict=True)
        )
        mask = structure.judged[slices].cpu().numpy()
        counts = _window_sums(np.pad(mask, padding), window)
        return cls(slices, padding, window, counts > 0.5)

    def largest_mean(self, map_values: Tensor) -> float:
        """Largest mean of a map ``(*spatial)`` over these windows."""
        values = map_values[self.slices].cpu().numpy()
        sums = _window_sums(np.pad(values, self.padding), self.window)
        return float(sums[self.touching].max()) / float(np.prod(self.window))


def _window_sums(values: NDArray[np.generic], window: tuple[int, ...]) -> NDArray[np.float64]:
    sums = values.astype(np.float64)
    for axis, wide in enumerate(window):
        reached = np.moveaxis(sums, axis, 0).cumsum(axis=0)
        within = reached[wide - 1 :].copy()
        within[1:] -= reached[:-wide]
        sums = np.moveaxis(within, 0, axis)
    return sums
