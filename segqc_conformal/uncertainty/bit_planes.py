"""The masks of all samples of one structure, one bit per sample and voxel."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import combinations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from segqc_conformal.dice import dice_from_volumes

__all__ = ["BITS", "BitPlanes", "iou_of_votes", "pairwise_dice", "votes"]

BITS = 8  # samples a word holds
_BITS_OF = (np.arange(2**BITS)[:, None] >> np.arange(BITS) & 1).astype(np.float64)


class BitPlanes:
    """Boolean masks of a growing number of samples in uint8 words, one word for 8 samples.

    Parameters
    ----------
    words : sequence of Tensor of uint8, shape ``(voxels,)``
        Sample ``s`` is bit ``s % 8`` of word ``s // 8``; bits of samples not taken yet are 0.
    samples : int
        Number of samples in the words.

    Notes
    -----
    Guarantee: without weights all counts are exact integers.

    Examples
    --------
    >>> planes = BitPlanes()
    >>> planes.add(torch.tensor([True, True, False]))
    >>> planes.add(torch.tensor([True, False, False]))
    >>> planes.intersections().tolist(), planes.iou_of_all()
    ([[2.0, 1.0], [1.0, 1.0]], 0.5)
    """

    def __init__(self, words: Sequence[Tensor] = (), samples: int = 0) -> None:
        self._words = list(words)
        self._any: tuple[list[Tensor], Tensor] | None = None
        self.samples = samples

    def add(self, mask: Tensor) -> None:
        """Append the mask of one more sample: bool, one shape for all."""
        bit = self.samples % BITS
        if bit == 0:
            self._words.append(torch.zeros(mask.numel(), dtype=torch.uint8, device=mask.device))
        self._words[-1].bitwise_or_(mask.reshape(-1).view(torch.uint8) << bit)
        self.samples += 1
        self._any = None

    def part(self, voxels: Tensor) -> BitPlanes:
        """Return the planes of the flat indices `voxels` alone."""
        return BitPlanes([word[voxels] for word in self._words], self.samples)

    def intersections(self, weights: Tensor | None = None) -> NDArray[np.float64]:
        """Count the voxels each two samples share, shape ``(samples, samples)``.

        The diagonal holds the volumes in voxels; with weights ``(voxels,)`` of float64, sums of
        weights instead of voxels.
        """
        words, weights = self._where_any(weights)
        shared = np.zeros((BITS * len(words), BITS * len(words)))
        places = [slice(BITS * i, BITS * (i + 1)) for i in range(len(words))]
        for word, place in zip(words, places, strict=True):
            found = _histogram(word, weights, 2**BITS)
            shared[place, place] = _BITS_OF.T @ (found[:, None] * _BITS_OF)
        for first, second in combinations(range(len(words)), 2):
            pairs = words[first].int() | (words[second].int() << BITS)
            found = _histogram(pairs, weights, 2 ** (2 * BITS)).reshape(2**BITS, 2**BITS)
            shared[places[second], places[first]] = _BITS_OF.T @ found @ _BITS_OF
            shared[places[first], places[second]] = shared[places[second], places[first]].T
        return shared[: self.samples, : self.samples]

    def counts_within(self, voxels: Tensor, weights: Tensor | None = None) -> NDArray[np.float64]:
        """Count each sample's voxels among the flat indices `voxels`, shape ``(samples,)``.

        With weights ``(voxels,)`` of float64: sum the weights.
        """
        sizes = None if weights is None else weights[voxels]
        counts = [_histogram(word[voxels], sizes, 2**BITS) @ _BITS_OF for word in self._words]
        return np.concatenate(counts)[: self.samples]

    def iou_of_all(self, weights: Tensor | None = None) -> float:
        """Voxels (or weights) in every sample over those in any; 1 if all samples are empty."""
        return iou_of_votes(self.vote_histogram(weights=weights))

    def vote_histogram(
        self, voxels: Tensor | None = None, weights: Tensor | None = None
    ) -> NDArray[np.float64]:
        """Count the voxels that k samples hold, k from 0 to all: shape ``(samples + 1,)``.

        Among the flat indices `voxels`; None: everywhere, where entry 0 is left at 0. With weights
        ``(voxels,)`` of float64: sum the weights.
        """
        if voxels is None:
            words, weights = self._where_any(weights)
        else:
            words = [word[voxels] for word in self._words]
            weights = None if weights is None else weights[voxels]
        counts = _histogram(votes(words), weights, self.samples + 1)
        if voxels is None:
            counts[0] = 0.0
        return counts

    def votes(self) -> Tensor:
        """Count the samples that hold each voxel: int32, shape ``(voxels,)``."""
        return votes(self._words)

    def _where_any(self, weights: Tensor | None) -> tuple[list[Tensor], Tensor | None]:
        # Eight voxels looked at as one number: where that is 0, no sample has any of them.
        if self._any is None:
            runs = [_in_eights(word) for word in self._words]
            union = runs[0]
            for run in runs[1:]:
                union = union | run
            places = union.nonzero().squeeze(1)
            self._any = [run[places].view(torch.uint8) for run in runs], places
        words, places = self._any
        if weights is None:
            return words, None
        padded = torch.nn.functional.pad(weights, (0, -weights.numel() % 8))
        return words, padded.view(-1, 8)[places].reshape(-1)


def iou_of_votes(histogram: NDArray[np.float64]) -> float:
    """Voxels in every sample over those in any, from a vote histogram; 1 if all are empty.

    Examples
    --------
    >>> iou_of_votes(np.array([0.0, 3.0, 1.0]))
    0.25
    """
    size = histogram[1:].sum()
    return float(histogram[-1] / size) if size else 1.0


def votes(words: Sequence[Tensor]) -> Tensor:
    """Count the bits of words of one shape: the samples that hold each voxel.

    Parameters
    ----------
    words : sequence of Tensor of uint8

    Returns
    -------
    Tensor of int32, shape of a word

    Notes
    -----
    Guarantee: exact.

    Examples
    --------
    >>> votes([torch.tensor([255, 3], dtype=torch.uint8), torch.tensor([0, 1], dtype=torch.uint8)])
    tensor([8, 3], dtype=torch.int32)
    """
    total = torch.zeros(words[0].shape, dtype=torch.int32, device=words[0].device)
    for word in words:
        pairs = word - ((word >> 1) & 0x55)  # bits of each pair, then of each four, then of all
        fours = (pairs & 0x33) + ((pairs >> 2) & 0x33)
        total += (fours + (fours >> 4)) & 0x0F
    return total


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


def _in_eights(word: Tensor) -> Tensor:
    aligned = word.numel() % 8 == 0 and word.storage_offset() % 8 == 0
    padded = word if aligned else torch.nn.functional.pad(word, (0, -word.numel() % 8))
    return padded.view(torch.int64)


def _histogram(codes: Tensor, weights: Tensor | None, size: int) -> NDArray[np.float64]:
    if weights is not None:  # a GPU adds floats in any order: the sums would differ by run
        codes, weights = codes.cpu(), weights.cpu()
    counts = torch.bincount(codes, weights=weights, minlength=size)
    return counts.cpu().numpy().astype(np.float64)
