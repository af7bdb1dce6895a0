"""The slice head: Dice of each slice, and the exact Dice of the volume from it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from segqc_conformal.dice import dice_from_volumes
from segqc_conformal.quality.net.encoder import Encoded
from segqc_conformal.quality.net.head import HeadOutput, SeenCase
from segqc_conformal.quality.net.losses import share_loss, weighted_mean_loss
from segqc_conformal.quality.net.slice_combination import combine_slices
from segqc_conformal.quality.net.structure_masks import reference_masks, structure_masks

__all__ = ["SliceHead"]

DICE, FRACTION, MISSED, SEEN, PRESENT = range(5)  # columns of a target
SMALLEST_FRACTION = 0.02  # a smaller prediction would give one slice the weight of fifty


class SliceLayers(nn.Module):
    """Three logits for each structure: Dice, fraction and missed share of a slice."""

    def __init__(self, width: int, structures: int) -> None:
        super().__init__()
        self.linear = nn.Linear(width, 3 * structures)
        nn.init.zeros_(self.linear.weight)

    def forward(self, encoded: Encoded) -> Tensor:
        """Return ``(slices, structures, 3)``."""
        values: Tensor = self.linear(encoded.pooled)
        return values.reshape(len(values), -1, 3)


@dataclass(frozen=True)
class SliceHead:
    """Predict the Dice of each slice of each structure, and that of the volume.

    Each slice gets three numbers: its Dice, the fraction ``A / (A + B)`` of judged and reference
    area, and, where A is 0, the share of the slice that the reference takes. `combine_slices` makes
    the volume's Dice of them and of A, which is known.

    Notes
    -----
    Guarantee: none. Source: Fournel et al., Med. Image Anal. 74 (2021) 102213.
    """

    @property
    def kind(self) -> str:
        """Name of the head."""
        return "slice"

    def layers(self, dimensions: int, channels: Sequence[int], structures: int) -> SliceLayers:
        """Make the untrained layers."""
        return SliceLayers(2 * channels[-1], structures)

    def target(self, seen: SeenCase) -> Tensor:
        """Return Dice, fraction, missed share, whether A > 0 and A + B > 0, of each slice."""
        mask = _by_slice(structure_masks(seen.case, seen.structures), seen)
        reference = _by_slice(reference_masks(seen.case, seen.structures), seen)
        a, b, both = mask.sum(axis=2), reference.sum(axis=2), (mask & reference).sum(axis=2)
        total = a + b
        columns = [
            dice_from_volumes(both, a, b),
            np.divide(a, total, out=np.ones(total.shape), where=total > 0),
            np.where(a == 0, b, 0) / mask.shape[2],
            a > 0,
            total > 0,
        ]
        values = np.stack([np.asarray(one, dtype=np.float32) for one in columns], axis=2)
        return torch.from_numpy(values.swapaxes(0, 1).copy())

    def prepare(self, layers: SliceLayers, targets: Tensor) -> None:
        """Start at the means of the training targets."""
        for column, counts in ((DICE, PRESENT), (FRACTION, SEEN)):
            weights = targets[..., counts]
            mean = (targets[..., column] * weights).sum(dim=0) / weights.sum(dim=0).clamp_min(1.0)
            layers.linear.bias.data[column::3] = mean.clamp(0.02, 0.98).logit()
        layers.linear.bias.data[MISSED::3] = -5.0

    def loss(self, layers: SliceLayers, output: Tensor, target: Tensor) -> Tensor:
        """Return the mean loss of a batch: each number where it has a meaning."""
        losses = share_loss(output, target[..., : MISSED + 1])
        seen, present = target[..., SEEN], target[..., PRESENT]
        return (
            weighted_mean_loss(losses[..., DICE], present)
            + weighted_mean_loss(losses[..., FRACTION], seen)
            + weighted_mean_loss(losses[..., MISSED], 1.0 - seen)
        )

    def output(self, layers: SliceLayers, output: Tensor, seen: SeenCase) -> HeadOutput:
        """Return the numbers of each slice, and the Dice of the volume."""
        masks = _by_slice(structure_masks(seen.case, seen.structures), seen)
        shares = output.sigmoid().double().numpy().transpose(2, 1, 0)
        area = masks.sum(axis=2)
        fraction = np.where(area > 0, shares[FRACTION].clip(SMALLEST_FRACTION), 1.0)
        missed = np.where(area > 0, 0.0, shares[MISSED] * masks.shape[2])
        # a slice in which neither mask has anything changes nothing
        whole = combine_slices(np.where(area > 0, shares[DICE], 0.0), fraction, area, missed)
        numbers = {
            "predicted_dice": shares[DICE],
            "fraction": fraction,
            "area_voxels": area.astype(np.float64),
            "missed_voxels": missed,
        }
        return HeadOutput({"slice_dice": whole}, slices=numbers)


def _by_slice(masks: NDArray[np.bool_], seen: SeenCase) -> NDArray[np.bool_]:
    """Bring ``(structures, *spatial)`` to ``(structures, slices, pixels)``."""
    assert seen.slice_axis is not None
    moved = np.moveaxis(masks, 1 + seen.slice_axis, 1)
    return moved.reshape((*moved.shape[:2], -1))
