"""The good head, a discriminator: whether a mask is as good as an expert's."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.functional import binary_cross_entropy_with_logits

from segqc_conformal.dice import dice
from segqc_conformal.errors import InputError
from segqc_conformal.quality.net.encoder import Encoded
from segqc_conformal.quality.net.head import HeadOutput, SeenCase
from segqc_conformal.quality.net.structure_masks import reference_masks, structure_masks

__all__ = ["GoodHead"]


class GoodLayers(nn.Module):
    """One logit from the pooled activations."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.linear = nn.Linear(width, 1)
        nn.init.zeros_(self.linear.weight)

    def forward(self, encoded: Encoded) -> Tensor:
        """Return ``(items, 1)``."""
        values: Tensor = self.linear(encoded.pooled)
        return values


@dataclass(frozen=True)
class GoodHead:
    """Predict the probability that every structure of a case has a Dice above a threshold.

    Training cases whose judged mask is the reference itself show what good looks like.

    Parameters
    ----------
    dice_threshold : float
        In [0, 1).

    Notes
    -----
    Guarantee: none. Source: the discriminators of ASE-Net (Lei et al., 2022); there they train a
    segmentation model, here they judge one.
    """

    dice_threshold: float = 0.8

    def __post_init__(self) -> None:
        """Check the setting."""
        if not 0.0 <= self.dice_threshold < 1.0:
            raise InputError("dice_threshold in [0, 1)", self.dice_threshold, "correct it")

    @property
    def kind(self) -> str:
        """Name of the head."""
        return "good"

    def layers(self, dimensions: int, channels: Sequence[int], structures: int) -> GoodLayers:
        """Make the untrained layers."""
        return GoodLayers(2 * channels[-1])

    def target(self, seen: SeenCase) -> Tensor:
        """Return 1 where the worst structure is good, ``(1, 1)``."""
        masks = structure_masks(seen.case, seen.structures)
        truths = reference_masks(seen.case, seen.structures)
        worst = min(dice(mask, truth) for mask, truth in zip(masks, truths, strict=True))
        return torch.tensor([[float(worst > self.dice_threshold)]])

    def prepare(self, layers: GoodLayers, targets: Tensor) -> None:
        """Start at the share of good training cases."""
        layers.linear.bias.data.copy_(targets.mean(dim=0).clamp(0.02, 0.98).logit())

    def loss(self, layers: GoodLayers, output: Tensor, target: Tensor) -> Tensor:
        """Return the mean loss of a batch."""
        loss: Tensor = binary_cross_entropy_with_logits(output, target)
        return loss

    def output(self, layers: GoodLayers, output: Tensor, seen: SeenCase) -> HeadOutput:
        """Return the probability, the same for all structures."""
        return HeadOutput({"good": np.full(len(seen.structures), float(output.sigmoid()))})
