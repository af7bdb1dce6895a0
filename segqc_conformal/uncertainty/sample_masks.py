"""The mask of one sample, written into its bit of every structure's words."""

from __future__ import annotations

from torch import Tensor

from segqc_conformal.uncertainty.label_map import class_masks

__all__ = ["add_masks"]


def add_masks(words: Tensor, classes: Tensor, rows: tuple[int, ...], bit: int) -> None:
    """Set the bit of one sample where a class is the most probable of its group, in place.

    Parameters
    ----------
    words : Tensor of uint8, shape ``(masks, voxels)``
    classes : Tensor, shape ``(groups, classes, voxels)``
        Probabilities, or evidence.
    rows : tuple of int
        For each mask its row among the groups' classes.
    bit : int
        0 to 7.

    Notes
    -----
    Guarantee: each sample has one class in each group and voxel; of equal probabilities the lower
    wins.

    Examples
    --------
    >>> import torch
    >>> words = torch.zeros(1, 3, dtype=torch.uint8)
    >>> add_masks(words, torch.tensor([[[0.9, 0.5, 0.2], [0.1, 0.5, 0.8]]]), (1,), 3)
    >>> words.tolist()
    [[0, 0, 8]]
    """
    places = [divmod(row, classes.shape[1]) for row in rows]
    for label, mask in class_masks(classes.transpose(0, 1)):
        for word, (group, wanted) in zip(words, places, strict=True):
            if wanted == label:
                word.bitwise_or_(mask[group].view(word.dtype) << bit)
