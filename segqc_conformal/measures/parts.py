"""The parts of a judged mask: its slices and its connected components."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from scipy import ndimage
from torch import Tensor

from segqc_conformal.measures.mask_box import judged_box
from segqc_conformal.uncertainty.judged_structure import JudgedStructure

__all__ = ["component_numbers", "part_sums", "slice_axis", "slice_numbers"]


def slice_axis(spacing_mm: tuple[float, ...]) -> int:
    """Axis across the slices: that of the largest spacing; of equals the last.

    Examples
    --------
    >>> slice_axis((1.0, 1.0, 1.0)), slice_axis((5.0, 1.0, 1.0))
    (2, 0)
    """
    return max(range(len(spacing_mm)), key=lambda axis: (spacing_mm[axis], axis))


def slice_numbers(indices: Tensor, structure: JudgedStructure) -> Tensor:
    """Say in which slice, by number, each voxel of a structure's grid (by flat index) lies.

    Examples
    --------
    >>> from segqc_conformal.uncertainty.bit_planes import BitPlanes
    >>> mask = torch.ones(2, 2, dtype=torch.bool)
    >>> structure = JudgedStructure("a", None, 2, {}, BitPlanes(), mask, mask.long(), (5.0, 1.0))
    >>> slice_numbers(torch.arange(4), structure).tolist()
    [0, 0, 1, 1]
    """
    shape = structure.judged.shape
    axis = slice_axis(structure.spacing_mm)
    return indices // shape[axis + 1 :].numel() % shape[axis]


def component_numbers(structure: JudgedStructure) -> Tensor:
    """Give each judged voxel, ascending, the number of its component (connected by faces).

    Examples
    --------
    >>> from segqc_conformal.uncertainty.bit_planes import BitPlanes
    >>> mask = torch.tensor([1, 0, 1, 1]).bool()
    >>> structure = JudgedStructure("apex", None, 2, {}, BitPlanes(), mask, mask.long(), (1.0,))
    >>> component_numbers(structure).tolist()
    [0, 1, 1]
    """
    box = judged_box(structure)
    numbers: NDArray[np.int64] = np.zeros(0, dtype=np.int64)
    if box is not None:
        numbers = ndimage.label(box.mask)[0][box.mask].astype(np.int64) - 1
    return torch.from_numpy(numbers).to(structure.judged.device)


def part_sums(values: Tensor, numbers: Tensor) -> NDArray[np.float64]:
    """Sum the values of each part, in float64, shape ``(largest number + 1,)``.

    Not on the device: there the order of such sums, and so the last bit, is left to chance.

    Examples
    --------
    >>> part_sums(torch.tensor([1.0, 2.0, 4.0]), torch.tensor([0, 2, 2])).tolist()
    [1.0, 0.0, 6.0]
    """
    weights = values.cpu().numpy().astype(np.float64)
    return np.asarray(np.bincount(numbers.cpu().numpy(), weights=weights), dtype=np.float64)
