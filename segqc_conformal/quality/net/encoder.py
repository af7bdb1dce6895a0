"""The encoder of a quality net, and what heads get of it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import torch
from monai.networks.blocks.convolutions import ResidualUnit
from torch import Tensor, nn

__all__ = ["Encoded", "Encoder"]


class Encoded(NamedTuple):
    """What the encoder makes of a batch.

    ``levels`` are its activations, ``(items, channels[k], *grid / 2 ** (k + 1))``; ``pooled`` is
    mean and maximum of the deepest one, ``(items, 2 * channels[-1])``; ``grid`` the input's grid.
    """

    levels: list[Tensor]
    pooled: Tensor
    grid: tuple[int, ...]


class Encoder(nn.Module):
    """Residual units of MONAI, each of which halves the grid.

    Parameters
    ----------
    dimensions : {2, 3}
    in_channels : int
    channels : sequence of int
        Channels of each level.

    Notes
    -----
    Guarantee: none. The shortcut of each unit is not normalised, so that the level of an
    uncertainty map is not lost.

    Examples
    --------
    >>> encoded = Encoder(2, 3, (4, 8))(torch.zeros(5, 3, 8, 6))
    >>> [tuple(level.shape) for level in encoded.levels], tuple(encoded.pooled.shape)
    ([(5, 4, 4, 3), (5, 8, 2, 2)], (5, 16))
    """

    def __init__(self, dimensions: int, in_channels: int, channels: Sequence[int]) -> None:
        super().__init__()
        before = [in_channels, *channels[:-1]]
        self.units = nn.ModuleList(
            ResidualUnit(dimensions, first, then, strides=2, subunits=2, norm="INSTANCE")
            for first, then in zip(before, channels, strict=True)
        )

    def forward(self, inputs: Tensor) -> Encoded:
        """Encode ``(items, in_channels, *grid)``."""
        levels, values = [], inputs
        for unit in self.units:
            values = unit(values)
            levels.append(values)
        flat = values.flatten(2)
        pooled = torch.cat([flat.mean(dim=2), flat.amax(dim=2)], dim=1)
        return Encoded(levels, pooled, tuple(inputs.shape[2:]))
