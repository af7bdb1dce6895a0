"""The masks of all samples of one structure, one bit per sample and voxel."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from segqc_conformal.dice import dice_from_volumes

__all__ = ["BitPlanes", "pairwise_dice"]

_BITS = 63  # the sign bit of int64 stays free, so that shifts keep their meaning
_BITS_AT_ONCE = 2**22  # unpacked bits held at one time: 16 MB as float32


class BitPlanes:
    """Boolean masks of a growing number of samples in int64 words, one word per 63 samples.

    Notes
    -----
    Guarantee: all counts are exact integers.

    Examples
    --------
    >>> planes = BitPlanes()
    >>> planes.add(torch.tensor([True, True, False]))
    >>> planes.add(torch.tensor([True, False, False]))
    >>> planes.intersections().tolist(), planes.iou_of_all()
    ([[2.0, 1.0], [1.0, 1.0]], 0.5)
    """

    def __init__(self) -> None:
        self._words: list[Tensor] = []
        self.samples = 0

    def add(self, mask: Tensor) -> None:
        """Append the mask of one more sample: bool, one shape for all."""
        bit = self.samples % _BITS
        if bit == 0:
            self._words.append(torch.zeros(mask.numel(), dtype=torch.int64, device=mask.device))
        self._words[-1].add_(mask.reshape(-1), alpha=1 << bit)
        self.samples += 1

    def intersections(self) -> NDArray[np.float64]:
        """Count the voxels each two samples share, shape ``(samples, samples)``.

        The diagonal holds the volumes in voxels.
        """
        anywhere = torch.zeros_like(self._words[0], dtype=torch.bool)
        for word in self._words:
            anywhere |= word != 0
        gram = torch.zeros((self.samples, self.samples), dtype=torch.float64)
        for voxels in self._chunks(anywhere.nonzero().squeeze(1)):
            bits = self._unpacked(voxels)
            # Exact: products are 0 or 1 and a chunk is far shorter than 2**24.
            gram += (bits @ bits.T).to("cpu", torch.float64)
        return gram.numpy()

    def counts_within(self, voxels: Tensor) -> NDArray[np.float64]:
        """Count each sample's voxels among the flat indices `voxels`, shape ``(samples,)``."""
        counts = torch.zeros(self.samples, dtype=torch.float64)
        for chunk in self._chunks(voxels):
            counts += self._unpacked(chunk).sum(dim=1, dtype=torch.float64).cpu()
        return counts.numpy()

    def iou_of_all(self) -> float:
        """Voxels in every sample over voxels in any; 1 if all samples are empty."""
        union = torch.zeros_like(self._words[0], dtype=torch.bool)
        shared = torch.ones_like(union)
        for number, word in enumerate(self._words):
            bits = min(_BITS, self.samples - number * _BITS)
            union |= word != 0
            shared &= word == (1 << bits) - 1
        size = int(union.sum())
        return int(shared.sum()) / size if size else 1.0

    def _chunks(self, voxels: Tensor) -> tuple[Tensor, ...]:
        return torch.split(voxels, max(1, _BITS_AT_ONCE // self.samples))

    def _unpacked(self, voxels: Tensor) -> Tensor:
        rows = []
        for number, word in enumerate(self._words):
            bits = min(_BITS, self.samples - number * _BITS)
            shifts = torch.arange(bits, device=word.device)[:, None]
            rows.append(((word[voxels] >> shifts) & 1).to(torch.float32))
        return torch.cat(rows)


def pairwise_dice(intersections: NDArray[np.float64]) -> NDArray[np.float64]:
    """Dice of each two samples.

    Parameters
    ----------
    intersections : ndarray, shape ``(samples, samples)``
        As returned by `BitPlanes.intersections`.

    Returns
    -------
    ndarray, shape ``(samples, samples)``
        In [0, 1]; the rule for empty masks is that of `segqc_conformal.dice`.

    Notes
    -----
    Guarantee: none (arithmetic). Source: Roy et al., NeuroImage 195 (2019) 11-22.

    Examples
    --------
    >>> pairwise_dice(np.array([[4.0, 3.0], [3.0, 4.0]])).tolist()
    [[1.0, 0.75], [0.75, 1.0]]
    """
    volumes = np.diag(intersections)
    return dice_from_volumes(intersections, volumes[:, None], volumes[None, :])
