"""The grade head: an ordinal grade that experts gave."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.functional import binary_cross_entropy_with_logits, softplus

from segqc_conformal.errors import InputError
from segqc_conformal.quality.net.encoder import Encoded
from segqc_conformal.quality.net.head import HeadOutput, SeenCase

__all__ = ["GradeHead"]


class GradeLayers(nn.Module):
    """One number from the pooled activations, compared with rising cut points."""

    def __init__(self, width: int, grades: int) -> None:
        super().__init__()
        self.linear = nn.Linear(width, 1, bias=False)
        nn.init.zeros_(self.linear.weight)
        self.first = nn.Parameter(torch.zeros(1))
        self.steps = nn.Parameter(torch.zeros(grades - 2))

    def forward(self, encoded: Encoded) -> Tensor:
        """Return the logits of grade >= 1, >= 2, ..., ``(items, grades - 1)``; they never rise."""
        cuts = torch.cat([self.first, self.first + softplus(self.steps).cumsum(0)])
        values: Tensor = self.linear(encoded.pooled) - cuts
        return values


@dataclass(frozen=True)
class GradeHead:
    """Predict an expert's grade of a case (``QualityCase.grade``), for example of its image.

    Parameters
    ----------
    grades : int
        How many there are: 0, the worst, to ``grades - 1``.

    Notes
    -----
    Guarantee: the probabilities of reaching a grade never rise with the grade. Sources: Piccini et
    al., Radiol. Artif. Intell. 2 (2020) e190123 (image quality); cumulative logits after McCullagh,
    J. R. Stat. Soc. B 42 (1980) 109-142.
    """

    grades: int = 5

    def __post_init__(self) -> None:
        """Check the setting."""
        if self.grades < 2:
            raise InputError("at least 2 grades", self.grades, "give the number of grades")

    @property
    def kind(self) -> str:
        """Name of the head."""
        return "grade"

    def layers(self, dimensions: int, channels: Sequence[int], structures: int) -> GradeLayers:
        """Make the untrained layers."""
        return GradeLayers(2 * channels[-1], self.grades)

    def target(self, seen: SeenCase) -> Tensor:
        """Return whether each grade from 1 on is reached, ``(1, grades - 1)``."""
        grade = seen.case.grade
        if grade is None or not 0 <= grade < self.grades:
            raise InputError(
                f"a grade from 0 to {self.grades - 1}",
                grade,
                "give QualityCase(grade=...), or leave the case out of training",
                seen.case.case_id,
            )
        return (torch.arange(1, self.grades) <= grade).float()[None]

    def prepare(self, layers: GradeLayers, targets: Tensor) -> None:
        """Start at the shares of training cases that reach each grade."""
        cuts = -targets.mean(dim=0).clamp(0.02, 0.98).logit()
        layers.first.data.copy_(cuts[:1])
        layers.steps.data.copy_(cuts.diff().clamp_min(0.05).expm1().log())

    def loss(self, layers: GradeLayers, output: Tensor, target: Tensor) -> Tensor:
        """Return the mean loss of a batch."""
        loss: Tensor = binary_cross_entropy_with_logits(output, target)
        return loss

    def output(self, layers: GradeLayers, output: Tensor, seen: SeenCase) -> HeadOutput:
        """Return the expected grade, the same for all structures."""
        expected = float(output.sigmoid().double().sum())
        return HeadOutput({"grade": np.full(len(seen.structures), expected)})
