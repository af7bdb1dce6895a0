"""The case head: the metric of each structure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn.functional import softplus

from segqc_conformal.dice import dice
from segqc_conformal.errors import InputError
from segqc_conformal.quality.net.encoder import Encoded
from segqc_conformal.quality.net.head import HeadOutput, SeenCase
from segqc_conformal.quality.net.imbalance import density_weights, focal_weights, target_density
from segqc_conformal.quality.net.losses import share_loss
from segqc_conformal.quality.net.structure_masks import reference_masks, structure_masks

__all__ = ["CaseHead"]

LOSSES = ("plain", "focal", "density")
EDGE = 0.02  # the start of the training, a mean, is pulled this far inside (0, 1)


class CaseLayers(nn.Module):
    """One number for each structure from the pooled activations."""

    def __init__(self, width: int, structures: int) -> None:
        super().__init__()
        self.linear = nn.Linear(width, structures)
        nn.init.zeros_(self.linear.weight)
        self.density: Tensor
        self.scale: Tensor
        self.register_buffer("density", target_density(torch.zeros(0)))
        self.register_buffer("scale", torch.ones(structures))

    def forward(self, encoded: Encoded) -> Tensor:
        """Return ``(items, structures)``."""
        values: Tensor = self.linear(encoded.pooled)
        return values


@dataclass(frozen=True)
class CaseHead:
    """Predict a metric of each structure of a case.

    Parameters
    ----------
    metric : str
        "dice" or "iou", of the judged and the reference mask; any other name is read from
        ``QualityCase.metrics``.
    bounded : bool
        Whether the metric lies in [0, 1] (a logit is predicted). If not, it is >= 0, such as a
        distance in mm (a softplus).
    loss_kind : {"plain", "focal", "density"}
        "focal" weighs each case by its error, "density" by the rarity of its target among the
        training cases: for targets of which nearly all are high. Bounded metrics only.

    Notes
    -----
    Guarantee: none. Sources: Robinson et al., MICCAI 2018 (regression of Dice); Song et al. (2021)
    and Dadras et al. (2024) for imbalanced targets.

    Examples
    --------
    >>> CaseHead("hd95_mm", bounded=False).kind
    'case'
    """

    metric: str = "dice"
    bounded: bool = True
    loss_kind: str = "plain"

    def __post_init__(self) -> None:
        """Check the settings."""
        if self.loss_kind not in LOSSES or (not self.bounded and self.loss_kind != "plain"):
            raise InputError(
                f"loss_kind as one of {', '.join(LOSSES)}, 'plain' for an unbounded metric",
                f"{self.loss_kind!r}, bounded={self.bounded}",
                "choose one of these",
            )

    @property
    def kind(self) -> str:
        """Name of the head."""
        return "case"

    def layers(self, dimensions: int, channels: Sequence[int], structures: int) -> CaseLayers:
        """Make the untrained layers."""
        return CaseLayers(2 * channels[-1], structures)

    def target(self, seen: SeenCase) -> Tensor:
        """Return the metric of each structure, ``(1, structures)``."""
        if self.metric in ("dice", "iou"):
            masks = structure_masks(seen.case, seen.structures)
            truths = reference_masks(seen.case, seen.structures)
            values = [dice(mask, truth) for mask, truth in zip(masks, truths, strict=True)]
            if self.metric == "iou":
                values = [value / (2.0 - value) for value in values]
        else:
            values = [self._given(seen, name) for name in seen.structures]
        return torch.tensor([values], dtype=torch.float32)

    def prepare(self, layers: CaseLayers, targets: Tensor) -> None:
        """Start at the mean of the training targets, and learn how dense they lie."""
        mean = targets.mean(dim=0)
        if self.bounded:
            layers.density.copy_(target_density(targets.flatten()))
            layers.linear.bias.data.copy_(mean.clamp(EDGE, 1.0 - EDGE).logit())
        else:
            layers.scale.copy_(mean.clamp_min(1e-6))
            layers.linear.bias.data.fill_(0.5413)  # softplus of this is 1

    def loss(self, layers: CaseLayers, output: Tensor, target: Tensor) -> Tensor:
        """Return the mean loss of a batch."""
        if not self.bounded:
            return (softplus(output) - target / layers.scale).abs().mean()
        losses = share_loss(output, target)
        if self.loss_kind == "focal":
            return (focal_weights(output.sigmoid(), target) * losses).mean()
        if self.loss_kind == "density":
            return (density_weights(layers.density, target) * losses).mean()
        return losses.mean()

    def output(self, layers: CaseLayers, output: Tensor, seen: SeenCase) -> HeadOutput:
        """Return the predicted metric, in its own unit."""
        values = output.sigmoid() if self.bounded else softplus(output) * layers.scale.cpu()
        return HeadOutput({self.metric: values[0].double().numpy()})

    def _given(self, seen: SeenCase, structure: str) -> float:
        given = seen.case.metrics.get(self.metric, {})
        value = given.get(structure, float("nan"))
        if not 0.0 <= value <= (1.0 if self.bounded else float("inf")):
            raise InputError(
                f"{self.metric} of {structure} >= 0{' and <= 1' if self.bounded else ''}",
                value,
                f"give QualityCase(metrics={{{self.metric!r}: {{{structure!r}: ...}}}})",
                seen.case.case_id,
            )
        return float(value)
