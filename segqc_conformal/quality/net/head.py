"""What a head of a quality net is."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray
from torch import Tensor, nn

from segqc_conformal.quality.net.quality_case import QualityCase
from segqc_conformal.quality.net.view import View

__all__ = ["Head", "HeadOutput", "SeenCase"]


class SeenCase(NamedTuple):
    """A case with its structures (name -> label), slice axis, and the view that a net has of it."""

    case: QualityCase
    structures: dict[str, int]
    slice_axis: int | None
    view: View


@dataclass(frozen=True, eq=False)
class HeadOutput:
    """What a head says of one case, in words and units.

    ``features`` are numbers by name, one for each structure, ``(structures,)``; ``maps`` are
    ``(rows, *spatial)`` on the image's grid; ``slices`` are numbers by name for each structure and
    slice, ``(structures, slices)``.
    """

    features: dict[str, NDArray[np.float64]]
    maps: dict[str, NDArray[np.float32]] = field(default_factory=dict)
    slices: dict[str, NDArray[np.float64]] = field(default_factory=dict)


class Head(Protocol):
    """One task of a quality net: its settings, layers, target, loss and words.

    A frozen dataclass whose fields are what JSON holds. An item is what one forward pass takes: a
    case, or one slice of it.
    """

    @property
    def kind(self) -> str:
        """Name of the head, one word."""

    def layers(self, dimensions: int, channels: Sequence[int], structures: int) -> nn.Module:
        """Make the untrained layers, called with an `Encoded`."""

    def target(self, seen: SeenCase) -> Tensor:
        """Make the target of a case from its reference, ``(items, ...)``."""

    def prepare(self, layers: Any, targets: Tensor) -> None:
        """Set what the layers must know of all training targets, before the first step."""

    def loss(self, layers: Any, output: Tensor, target: Tensor) -> Tensor:
        """Return the mean loss of a batch."""

    def output(self, layers: Any, output: Tensor, seen: SeenCase) -> HeadOutput:
        """Say what the raw output of a case's items means."""
