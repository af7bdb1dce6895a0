"""The voxel head: where the mask of each structure is wrong."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from monai.networks.blocks.convolutions import ResidualUnit
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn.functional import interpolate

from segqc_conformal.quality.net.convolutions import pointwise, start_at
from segqc_conformal.quality.net.encoder import Encoded
from segqc_conformal.quality.net.head import HeadOutput, SeenCase
from segqc_conformal.quality.net.losses import share_loss
from segqc_conformal.quality.net.structure_masks import reference_masks, structure_masks

__all__ = ["VoxelHead"]

_LINEAR = {2: "bilinear", 3: "trilinear"}


class VoxelLayers(nn.Module):
    """A decoder with skips from each level of the encoder, up to the net's grid."""

    def __init__(self, dimensions: int, channels: Sequence[int], structures: int) -> None:
        super().__init__()
        self.units = nn.ModuleList(
            ResidualUnit(dimensions, deep + skip, skip, subunits=1, norm="INSTANCE")
            for deep, skip in zip(channels[:0:-1], channels[-2::-1], strict=True)
        )
        self.convolution = pointwise(dimensions, channels[0], structures)

    def forward(self, encoded: Encoded) -> Tensor:
        """Return ``(items, structures, *grid)``."""
        values = encoded.levels[-1]
        for unit, skip in zip(self.units, encoded.levels[-2::-1], strict=True):
            values = unit(torch.cat([_enlarged(values, skip.shape[2:]), skip], dim=1))
        return _enlarged(self.convolution(values), encoded.grid)


@dataclass(frozen=True)
class VoxelHead:
    """Predict, for each structure and voxel, the probability that the mask is wrong there.

    As a number of the case, ``error`` is the mean of it over the judged mask (1 of an empty one),
    and ``error_dice`` is the Dice that the map implies: what is expected to be right of the mask,
    and missing of it.

    Notes
    -----
    Guarantee: none. Sources: Kuhn et al., ITSC 2020 (introspection); Qiu et al. (2025), QCResUNet.
    """

    @property
    def kind(self) -> str:
        """Name of the head."""
        return "voxel"

    def layers(self, dimensions: int, channels: Sequence[int], structures: int) -> VoxelLayers:
        """Make the untrained layers."""
        return VoxelLayers(dimensions, channels, structures)

    def target(self, seen: SeenCase) -> Tensor:
        """Return where mask and reference differ, ``(1, structures, *grid)``."""
        masks = structure_masks(seen.case, seen.structures)
        wrong = masks != reference_masks(seen.case, seen.structures)
        return seen.view.to_grid(torch.from_numpy(wrong).float())[None]

    def prepare(self, layers: VoxelLayers, targets: Tensor) -> None:
        """Start at the share of wrong voxels."""
        share = targets.transpose(0, 1).flatten(1).mean(dim=1)
        start_at(layers.convolution, share.clamp(1e-4, 0.5).logit())

    def loss(self, layers: VoxelLayers, output: Tensor, target: Tensor) -> Tensor:
        """Return the mean loss of a batch."""
        return share_loss(output, target).mean()

    def output(self, layers: VoxelLayers, output: Tensor, seen: SeenCase) -> HeadOutput:
        """Return the map, its mean over the judged mask, and the Dice that it implies."""
        wrong = seen.view.from_grid(output.sigmoid()[0]).numpy()
        masks = structure_masks(seen.case, seen.structures)
        each = [_of_mask(chance, mask) for chance, mask in zip(wrong, masks, strict=True)]
        error, implied = np.array(each).T
        return HeadOutput({"error": error, "error_dice": implied}, {"error": wrong})


def _of_mask(chance: NDArray[np.float32], mask: NDArray[np.bool_]) -> tuple[float, float]:
    false, missed = float(chance[mask].sum()), float(chance[~mask].sum())
    right = mask.sum() - false
    total = 2.0 * right + false + missed
    return false / mask.sum() if mask.any() else 1.0, 2.0 * right / total if total > 0 else 1.0


def _enlarged(values: Tensor, size: Sequence[int]) -> Tensor:
    return interpolate(values, tuple(size), mode=_LINEAR[len(size)], align_corners=False)
