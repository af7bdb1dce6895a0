"""The ways to the same figures: our accumulator, plain and compiled, and a stack of all samples."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from segqc_conformal.measures import agreement, agreement_spread, voting
from segqc_conformal.measures.schema import STANDARD
from segqc_conformal.uncertainty.accumulator import UncertaintyAccumulator
from segqc_conformal.uncertainty.feature_rules import FeatureRules
from segqc_conformal.uncertainty.judged_structure import JudgedStructure

MAPS = (
    "mean_probability",
    "predictive_entropy",
    "expected_entropy",
    "mutual_information",
    "epkl",
    "variance",
)


@dataclass(frozen=True)
class CaseFigures:
    """The maps, and the mean pairwise Dice of each structure."""

    maps: dict[str, np.ndarray]
    pairwise_dice: list[float]

    def distance(self, other: CaseFigures) -> float:
        """Return the largest absolute difference of any value."""
        maps = [float(np.abs(self.maps[name] - other.maps[name]).max()) for name in MAPS]
        dice = np.abs(np.subtract(self.pairwise_dice, other.pairwise_dice))
        return max(*maps, float(dice.max()))


class BitPlaneMeasures:
    """The structure measures that come from the samples' masks: agreement and votes."""

    needs = STANDARD.needs
    regions = None

    def measure(self, structure: JudgedStructure) -> dict[str, float]:
        """Measure the agreement of the samples."""
        groups = (agreement.agreement, agreement_spread.agreement_spread, voting.voting)
        return {name: value for group in groups for name, value in group(structure).items()}


def accumulator(
    classes: int, dimensions: int, fast: bool, schema: FeatureRules = STANDARD
) -> UncertaintyAccumulator:
    """Return ours: the maps of `MAPS` and the features of `schema`, every class a structure."""
    structures = {f"class {label}": label for label in range(1, classes)}
    spacing = (1.0,) * dimensions
    return UncertaintyAccumulator(structures, spacing, schema=schema, maps=MAPS, fast=fast)


def accumulated_figures(taken: UncertaintyAccumulator) -> CaseFigures:
    """Return what `taken` says, its features included."""
    features = taken.features()
    return CaseFigures(taken.maps(MAPS), [one["pairwise_dice"] for one in features.values()])


def stacked_figures(samples: Sequence[Tensor] | Tensor) -> CaseFigures:
    """Stack all samples and compute the same maps and the mean pairwise Dice from the stack."""
    p = samples if isinstance(samples, Tensor) else torch.stack(list(samples))
    count, mean = len(p), p.mean(dim=0)
    expected = -torch.xlogy(p, p).sum(dim=1).mean(dim=0)
    predictive = -torch.xlogy(mean, mean).sum(dim=0)
    logs = p.clamp_min(2.0**-23).log_().mean(dim=0)
    divergence = -(mean * logs).sum(dim=0) - expected
    maps = {
        "mean_probability": mean,
        "predictive_entropy": predictive,
        "expected_entropy": expected,
        "mutual_information": (predictive - expected).clamp_min(0.0),
        "epkl": (divergence * (count / (count - 1))).clamp_min(0.0),
        "variance": p.var(dim=0, correction=0).mean(dim=0),
    }
    return CaseFigures({name: values.numpy() for name, values in maps.items()}, _dice_of_stack(p))


def _dice_of_stack(p: Tensor) -> list[float]:
    labels = p.argmax(dim=1).flatten(1)
    return [_mean_dice((labels == label).float()) for label in range(1, p.shape[1])]


def _mean_dice(masks: Tensor) -> float:
    shared = masks @ masks.T
    sizes = shared.diagonal()
    dice = 2.0 * shared / (sizes[:, None] + sizes[None, :])
    first, second = torch.triu_indices(len(masks), len(masks), offset=1)
    return float(dice[first, second].nan_to_num(1.0).mean())
