"""Volumes of the samples' masks, and their Dice with each other and with the judged mask."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from segqc_conformal.dice import dice_from_volumes
from segqc_conformal.uncertainty.bit_planes import pairwise_dice
from segqc_conformal.uncertainty.judged_structure import JudgedStructure

__all__ = ["SampleDice", "sample_dice"]


class SampleDice(NamedTuple):
    """What the samples' masks share.

    ``volumes`` (in voxels, or sums of weights) and ``to_judged`` are ``(samples,)``; ``pairs``
    holds the Dice of each two samples, of one sample a single 1.
    """

    volumes: NDArray[np.float64]
    pairs: NDArray[np.float64]
    to_judged: NDArray[np.float64]


def sample_dice(structure: JudgedStructure) -> SampleDice:
    """Compare the samples' masks of a structure with each other and with the judged mask.

    Parameters
    ----------
    structure : JudgedStructure

    Returns
    -------
    SampleDice

    Notes
    -----
    Guarantee: none. Source: Roy et al., NeuroImage 195 (2019) 11-22.

    Examples
    --------
    >>> import torch
    >>> from segqc_conformal.uncertainty.bit_planes import BitPlanes
    >>> planes, mask = BitPlanes(), torch.tensor([True, True])
    >>> planes.add(torch.tensor([True, False]))
    >>> structure = JudgedStructure("apex", None, 2, {}, planes, mask, mask.long(), (1.0,))
    >>> sample_dice(structure).to_judged.round(4).tolist()
    [0.6667]
    """
    shared = structure.intersections
    volumes = np.diag(shared)
    pairs = pairwise_dice(shared)[np.triu_indices(volumes.size, k=1)]
    to_judged = dice_from_volumes(structure.shared_with_samples, volumes, structure.size)
    return SampleDice(volumes, pairs if pairs.size else np.ones(1), to_judged)
