"""The patch head: in which patches of the grid a mask fails beyond tolerance."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.functional import binary_cross_entropy_with_logits, interpolate

from segqc_conformal.errors import InputError
from segqc_conformal.quality.net.convolutions import max_pooled, pointwise, start_at
from segqc_conformal.quality.net.encoder import Encoded
from segqc_conformal.quality.net.error_targets import intolerable_errors
from segqc_conformal.quality.net.head import HeadOutput, SeenCase
from segqc_conformal.quality.net.structure_masks import reference_masks, structure_masks

__all__ = ["PatchHead"]


class PatchLayers(nn.Module):
    """One logit for each structure and patch, from the level whose step is the patch."""

    def __init__(self, dimensions: int, level: int, width: int, structures: int) -> None:
        super().__init__()
        self.level = level
        self.convolution = pointwise(dimensions, width, structures)

    def forward(self, encoded: Encoded) -> Tensor:
        """Return ``(items, structures, *patches)``."""
        values: Tensor = self.convolution(encoded.levels[self.level])
        return values


@dataclass(frozen=True)
class PatchHead:
    """Predict in which patches the mask of each structure fails.

    Parameters
    ----------
    patch : int
        Side of a patch in voxels of the net's grid: a power of 2, up to the step of the deepest
        level.
    outside_mm, inside_mm : float
        How far from the reference an error may lie and be tolerated, see `intolerable_errors`.
    smallest : int
        Errors of fewer voxels that hang together are tolerated.

    Notes
    -----
    Guarantee: none. Source: Sander et al., Sci. Rep. 10 (2020) 21769 (8 x 8 voxels of slices).
    """

    patch: int = 8
    outside_mm: float = 4.6
    inside_mm: float = 3.1
    smallest: int = 10

    def __post_init__(self) -> None:
        """Check the settings."""
        power = self.patch >= 2 and self.patch & (self.patch - 1) == 0
        if not power or min(self.outside_mm, self.inside_mm) < 0 or self.smallest < 1:
            raise InputError(
                "a patch of 2, 4, 8, ... voxels, tolerances >= 0 mm and smallest >= 1",
                self,
                "correct the settings",
            )

    @property
    def kind(self) -> str:
        """Name of the head."""
        return "patch"

    def layers(self, dimensions: int, channels: Sequence[int], structures: int) -> PatchLayers:
        """Make the untrained layers."""
        level = self.patch.bit_length() - 2
        if level >= len(channels):
            raise InputError(
                f"a patch of at most {2 ** len(channels)} voxels, the step of the deepest level",
                self.patch,
                "choose a smaller patch, or more levels of channels",
            )
        return PatchLayers(dimensions, level, channels[level], structures)

    def target(self, seen: SeenCase) -> Tensor:
        """Return 1 for each patch with an intolerable error, ``(1, structures, *patches)``."""
        masks = structure_masks(seen.case, seen.structures)
        truths = reference_masks(seen.case, seen.structures)
        wrong = [
            intolerable_errors(
                mask, truth, seen.case.spacing, self.outside_mm, self.inside_mm, self.smallest
            )
            for mask, truth in zip(masks, truths, strict=True)
        ]
        on_grid = seen.view.to_grid(torch.from_numpy(np.stack(wrong)).float())
        return max_pooled((on_grid > 0).float()[None], self.patch)

    def prepare(self, layers: PatchLayers, targets: Tensor) -> None:
        """Start at the share of failing patches."""
        share = targets.transpose(0, 1).flatten(1).mean(dim=1)
        start_at(layers.convolution, share.clamp(1e-3, 0.5).logit())

    def loss(self, layers: PatchLayers, output: Tensor, target: Tensor) -> Tensor:
        """Return the mean loss of a batch."""
        loss: Tensor = binary_cross_entropy_with_logits(output, target)
        return loss

    def output(self, layers: PatchLayers, output: Tensor, seen: SeenCase) -> HeadOutput:
        """Return the worst patch's probability of failure, the expected number, and the map."""
        chances = output.sigmoid()
        flat = chances[0].flatten(1).double()
        fine = interpolate(chances, scale_factor=float(self.patch), mode="nearest")[0]
        return HeadOutput(
            {"patch_failure": flat.amax(dim=1).numpy(), "patches_failing": flat.sum(dim=1).numpy()},
            {"failure": seen.view.from_grid(fine).numpy()},
        )
