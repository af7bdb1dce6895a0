"""How random a prediction looks: which labels lie next to each other in the label map."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray
from torch import Tensor

from segqc_conformal.errors import InputError
from segqc_conformal.uncertainty.label_map import as_label_map

__all__ = ["LabelRandomness", "co_occurrence", "label_randomness"]


class LabelRandomness(NamedTuple):
    """Randomness of a label map.

    ``off_diagonal`` is the share of neighbours with different labels, ``entropy`` that of the pairs
    of labels in nats, and ``contrast`` the mean squared difference of the labels' numbers.
    """

    off_diagonal: float
    entropy: float
    contrast: float


def co_occurrence(
    labels: ArrayLike | Tensor, classes: int, offset: Sequence[int]
) -> NDArray[np.int64]:
    """Count the pairs of labels at a voxel and at the voxel an offset away.

    Parameters
    ----------
    labels : array or Tensor of int, shape ``(*spatial)``
        In [0, classes).
    classes : int
    offset : sequence of int
        Steps along each axis, in voxels.

    Returns
    -------
    ndarray of int64, shape ``(classes, classes)``
        Row: label at the voxel; column: label at the offset. Pairs across the border do not count.

    Raises
    ------
    InputError
        If the labels are no integers in [0, classes), or the offset has not one step per axis.

    Notes
    -----
    Guarantee: exact counts. Source: Haralick et al., IEEE Trans. SMC 3 (1973) 610-621, of labels
    instead of grey levels.

    Examples
    --------
    >>> co_occurrence(np.array([0, 0, 1, 1]), 2, (1,)).tolist()
    [[1, 1], [0, 1]]
    """
    device = labels.device if isinstance(labels, Tensor) else torch.device("cpu")
    grid = as_label_map(labels, device)
    if len(offset) != grid.ndim:
        raise InputError(f"an offset of {grid.ndim} steps", tuple(offset), "give one per axis")
    if grid.numel() and not (int(grid.min()) >= 0 and int(grid.max()) < classes):
        raise InputError(
            f"labels from 0 to {classes - 1}",
            f"labels from {int(grid.min())} to {int(grid.max())}",
            "give the number of classes, the background included",
        )
    here, there = grid, grid
    for axis, step in enumerate(offset):
        length = max(0, grid.shape[axis] - abs(step))
        here = here.narrow(axis, max(0, -step) if length else 0, length)
        there = there.narrow(axis, max(0, step) if length else 0, length)
    pairs = torch.bincount((here * classes + there).reshape(-1), minlength=classes**2)
    return pairs.reshape(classes, classes).cpu().numpy()


def label_randomness(
    labels: ArrayLike | Tensor, classes: int, offsets: Sequence[Sequence[int]] | None = None
) -> LabelRandomness:
    """Measure how random the neighbourhoods in a label map are.

    Parameters
    ----------
    labels : array or Tensor of int, shape ``(*spatial)``
        In [0, classes): a fused mask or a deployed one.
    classes : int
    offsets : sequence of offsets, optional
        None: one step along each axis. The counts of all offsets are added.

    Returns
    -------
    LabelRandomness
        All 0 for one label throughout.

    Raises
    ------
    InputError
        As `co_occurrence`, and if there is no pair of neighbours.

    Notes
    -----
    Guarantee: none; a high value means little by itself, compare with calibration cases. Offsets
    are voxels: spacing plays no part. A reconstruction
    after Liu et al. (2026), of whose measure only the idea is public; ``contrast`` depends on how
    the labels are numbered.

    Examples
    --------
    >>> label_randomness(np.array([[0, 0], [1, 1]]), 2).off_diagonal
    0.5
    """
    axes = np.ndim(labels) if not isinstance(labels, Tensor) else labels.ndim
    steps = np.eye(axes, dtype=int).tolist() if offsets is None else offsets
    counts = sum(
        (co_occurrence(labels, classes, step) for step in steps),
        np.zeros((classes, classes), dtype=np.int64),
    )
    if not counts.any():
        raise InputError(
            "at least two neighbouring voxels", f"shape {np.shape(labels)}", "check the offsets"
        )
    share = counts / counts.sum()
    seen = share[share > 0]
    number = np.arange(classes)
    return LabelRandomness(
        off_diagonal=float(share[number[:, None] != number].sum()),
        entropy=float(-(seen * np.log(seen)).sum() + 0.0),
        contrast=float((share * (number[:, None] - number) ** 2).sum()),
    )
