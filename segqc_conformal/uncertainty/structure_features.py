"""Features of one structure: how the samples agree, and what the mean probability says."""

from __future__ import annotations

from math import log, prod
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from segqc_conformal.dice import dice_from_volumes
from segqc_conformal.uncertainty.bit_planes import BitPlanes, pairwise_dice
from segqc_conformal.uncertainty.entropy import entropy, mutual_information
from segqc_conformal.uncertainty.shape import SHAPE_FEATURES, shape_features

__all__ = ["FEATURES", "StructureEvidence", "structure_features"]

FEATURES = (
    *SHAPE_FEATURES,
    "expected_entropy",
    "iou_all",
    "log_volume",
    "mean_probability",
    "mutual_information",
    "pairwise_dice",
    "pairwise_dice_min",
    "predictive_entropy",
    "probability_outside",
    "sample_dice_mean",
    "sample_dice_min",
    "soft_dice_confidence",
    "uncertain_mass",
    "uncertain_volume_fraction",
    "volume_cv",
    "volume_ml",
)

# Not 0.2: where few samples are certain, p is a multiple of 1/5 or 1/10, and a tie with the bound
# would be decided by rounding.
_UNCERTAIN = 0.205


class StructureEvidence(NamedTuple):
    """What the features of one structure are computed from; every tensor on one device.

    ``mean`` ``(classes, voxels)`` is the mean probability, ``structure`` its row ``(voxels,)`` of
    this structure, ``expected_entropy`` ``(voxels,)`` nats, ``planes`` the samples' masks,
    ``judged`` the judged mask ``(*spatial)`` of bool, and ``spacing_mm`` one number per axis.
    """

    mean: Tensor
    structure: Tensor
    expected_entropy: Tensor
    planes: BitPlanes
    judged: Tensor
    spacing_mm: tuple[float, ...]


def structure_features(evidence: StructureEvidence) -> dict[str, float]:
    """Compute all features of one structure for the judged mask.

    Parameters
    ----------
    evidence : StructureEvidence

    Returns
    -------
    dict of float
        One finite number for each name in `FEATURES`; with p the structure's mean probability and
        M the judged mask:

        - agreement of the samples: ``pairwise_dice`` (mean) and ``pairwise_dice_min``, ``iou_all``,
          ``volume_cv`` (ddof = 1, 0 for one sample or if all are empty, at most the root of the
          number of samples), ``sample_dice_mean`` and ``_min`` (Dice of each sample to M);
        - probabilities: ``soft_dice_confidence`` ``2 sum_M p / (sum p + card M)``,
          ``mean_probability`` in M, ``probability_outside`` (share of ``sum p`` outside M),
          ``uncertain_mass`` ``sum p (1 - p) / (sum p + card M)``, ``uncertain_volume_fraction``
          (voxels with 0.205 < p < 0.795 over those and M);
        - means over M, nats: ``predictive_entropy``, ``expected_entropy``, ``mutual_information``;
        - size and shape of M: ``volume_ml``, ``log_volume`` (log10 of 1 + mm^3), `SHAPE_FEATURES`.

        Of an empty M the entropies are log(classes), the most uncertain value,
        ``probability_outside`` is 1 and all other probabilities, sizes and shapes are 0: no map
        looks confident. The agreement of empty samples keeps the rule of `segqc_conformal.dice`
        (two empty masks agree); ``volume_ml`` = 0 marks the stratum.

    Notes
    -----
    Guarantee: none; features only make intervals narrow, never valid. Sources: Roy et al.,
    NeuroImage 195 (2019) 11-22 (pairwise Dice, IoU, volume CV); Borges et al., arXiv 2402.10665
    (Soft Dice Confidence).

    Examples
    --------
    >>> mean = torch.tensor([[0.1, 0.2, 0.9], [0.9, 0.8, 0.1]])
    >>> planes = BitPlanes()
    >>> planes.add(mean[1] > 0.5)
    >>> evidence = StructureEvidence(mean, mean[1], entropy(mean), planes, mean[1] > 0.5, (1.0,))
    >>> round(structure_features(evidence)["soft_dice_confidence"], 4)
    0.8947
    """
    inside = evidence.judged.reshape(-1).nonzero().squeeze(1)
    voxel_mm3 = prod(evidence.spacing_mm)
    volume_mm3 = inside.numel() * voxel_mm3
    return {
        **_agreement(evidence.planes, inside),
        **_probabilities(evidence.structure, inside),
        **_entropies(evidence.mean, evidence.expected_entropy, inside),
        **shape_features(evidence.judged.cpu().numpy(), evidence.spacing_mm),
        "volume_ml": volume_mm3 / 1000.0,
        "log_volume": float(np.log10(1.0 + volume_mm3)),
    }


def _agreement(planes: BitPlanes, inside: Tensor) -> dict[str, float]:
    shared = planes.intersections()
    volumes = np.diag(shared)
    pairs = pairwise_dice(shared)[np.triu_indices(planes.samples, k=1)]
    to_judged = dice_from_volumes(planes.counts_within(inside), volumes, inside.numel())
    spread = volumes.std(ddof=1) if planes.samples > 1 else 0.0
    return {
        "pairwise_dice": float(pairs.mean()) if pairs.size else 1.0,
        "pairwise_dice_min": float(pairs.min()) if pairs.size else 1.0,
        "iou_all": planes.iou_of_all(),
        "volume_cv": float(spread / volumes.mean()) if volumes.any() else 0.0,
        "sample_dice_mean": float(to_judged.mean()),
        "sample_dice_min": float(to_judged.min()),
    }


def _probabilities(p: Tensor, inside: Tensor) -> dict[str, float]:
    p_inside = p[inside]
    size = inside.numel()
    total = _sum(p)
    within = _sum(p_inside)
    uncertain = (p > _UNCERTAIN) & (p < 1.0 - _UNCERTAIN)
    uncertain_count = int(uncertain.sum())
    either = uncertain_count + size - int(uncertain[inside].sum())
    return {
        "soft_dice_confidence": float(dice_from_volumes(within, total, size)),
        "mean_probability": within / size if size else 0.0,
        # Two sums of one set can differ in the last bit.
        "probability_outside": min(1.0, max(0.0, 1.0 - within / total)) if size and total else 1.0,
        "uncertain_mass": _sum(p * (1.0 - p)) / (total + size) if total + size else 0.0,
        "uncertain_volume_fraction": uncertain_count / either if either else 0.0,
    }


def _entropies(mean: Tensor, expected_entropy: Tensor, inside: Tensor) -> dict[str, float]:
    size = inside.numel()
    if not size:
        names = ("predictive_entropy", "expected_entropy", "mutual_information")
        return dict.fromkeys(names, log(mean.shape[0]))
    predictive = entropy(mean[:, inside])
    expected = expected_entropy[inside]
    return {
        "predictive_entropy": _sum(predictive) / size,
        "expected_entropy": _sum(expected) / size,
        "mutual_information": _sum(mutual_information(predictive, expected)) / size,
    }


def _sum(values: Tensor) -> float:
    return float(values.sum(dtype=torch.float64))
