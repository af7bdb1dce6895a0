"""What a reverse segmenter takes: an image with its labels, one label for each voxel."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

__all__ = ["LabelledImage", "flat_labels"]


class LabelledImage(NamedTuple):
    """An image ``(channels, *spatial)`` float32, its labels ``(*spatial)``, its spacing in mm.

    Of the case the labels are those of the judged mask; of a reference those of its reference mask,
    which a reverse segmenter must not look at.
    """

    image: NDArray[np.float32]
    labels: NDArray[np.int64]
    spacing: tuple[float, ...]


def flat_labels(
    mask: NDArray[Any], spatial_axes: int
) -> tuple[NDArray[np.int64], NDArray[np.int64] | None]:
    """Make one label map of a mask: of overlapping regions, the combinations that occur.

    Parameters
    ----------
    mask : ndarray of int, shape ``(*spatial)`` or ``(regions, *spatial)``
    spatial_axes : int

    Returns
    -------
    (labels, regions)
        Label map, and for a stack which regions each label stands for, ``(regions, labels)``, so
        that ``regions[:, labels]`` is the stack again; None for a label map. Label 0 is no region.

    Examples
    --------
    >>> labels, regions = flat_labels(np.array([[0, 1, 1], [0, 0, 1]]), 1)
    >>> labels.tolist(), regions[:, labels].tolist()
    ([0, 1, 2], [[0, 1, 1], [0, 0, 1]])
    """
    if mask.ndim == spatial_axes:
        return np.asarray(mask, dtype=np.int64), None
    voxels = mask.reshape(len(mask), -1)
    voxels = np.concatenate([np.zeros((len(mask), 1), dtype=voxels.dtype), voxels], axis=1)
    regions, labels = np.unique(voxels, axis=1, return_inverse=True)
    return labels.reshape(-1)[1:].reshape(mask.shape[1:]), regions.astype(np.int64)
