"""Label maps: the most probable class of each voxel, and masks given by the caller."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import torch
from numpy.typing import ArrayLike
from torch import Tensor

from segqc_conformal.errors import InputError

__all__ = ["as_label_map", "class_masks", "most_probable_label"]

MOST_IN_A_BYTE = 256


def class_masks(probabilities: Tensor) -> Iterator[tuple[int, Tensor]]:
    """Go through the classes from 1 on; say where each is the most probable.

    Parameters
    ----------
    probabilities : Tensor, shape ``(classes, *spatial)``

    Yields
    ------
    tuple of int and Tensor of bool, shape ``(*spatial)``
        A label and where it wins; of equal probabilities the lower label does. The masks do not
        overlap; what is in none is label 0.

    Notes
    -----
    Guarantee: none.

    Examples
    --------
    >>> [mask.tolist() for _, mask in class_masks(torch.tensor([[0.5, 0.2], [0.5, 0.8]]))]
    [[False, True]]
    """
    largest = probabilities[0]
    for values in probabilities[1:]:
        largest = torch.maximum(largest, values)
    undecided = probabilities[0] < largest
    for label in range(1, probabilities.shape[0]):
        mask = (probabilities[label] == largest).logical_and_(undecided)
        undecided = undecided ^ mask
        yield label, mask


def most_probable_label(probabilities: Tensor) -> Tensor:
    """Return the class of the largest probability in each voxel.

    Parameters
    ----------
    probabilities : Tensor, shape ``(classes, *spatial)``

    Returns
    -------
    Tensor of int64, shape ``(*spatial)``
        Of equal probabilities the lower label wins.

    Notes
    -----
    Guarantee: none. The values are those of ``argmax(dim=0)``, ten times as fast on a CPU.

    Examples
    --------
    >>> most_probable_label(torch.tensor([[0.5, 0.2], [0.5, 0.8]])).tolist()
    [0, 1]
    """
    largest, device = probabilities[0], probabilities.device
    # one byte a voxel while the classes compete: most of the time goes into moving memory
    narrow = torch.uint8 if probabilities.shape[0] <= MOST_IN_A_BYTE else torch.int64
    labels = torch.zeros(probabilities.shape[1:], dtype=narrow, device=device)
    for label in range(1, probabilities.shape[0]):
        labels.masked_fill_(probabilities[label] > largest, label)
        largest = torch.maximum(largest, probabilities[label])
    return labels.long()


def as_label_map(mask: ArrayLike | Tensor, device: torch.device) -> Tensor:
    """Return a caller's mask as int64 labels on a device.

    Raises
    ------
    InputError
        If the mask holds no integers.

    Notes
    -----
    Guarantee: none.

    Examples
    --------
    >>> as_label_map(np.array([0, 2], dtype=np.uint16), torch.device("cpu")).tolist()
    [0, 2]
    """
    array = mask.cpu().numpy() if isinstance(mask, Tensor) else np.asarray(mask)
    if array.dtype.kind not in "iub":
        raise InputError(
            "a label map of integers", f"dtype {array.dtype}", "give labels, not probabilities"
        )
    return torch.from_numpy(array.astype(np.int64)).to(device)
