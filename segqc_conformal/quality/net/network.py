"""The network: one encoder, one set of layers for each head."""

from __future__ import annotations

from collections.abc import Sequence

from torch import Tensor, nn

from segqc_conformal.quality.net.encoder import Encoder
from segqc_conformal.quality.net.head import Head

__all__ = ["Network"]


class Network(nn.Module):
    """One encoder and the layers of its heads.

    Parameters
    ----------
    dimensions : {2, 3}
    in_channels : int
    channels : sequence of int
    heads : sequence of Head
    structures : int
    """

    def __init__(
        self,
        dimensions: int,
        in_channels: int,
        channels: Sequence[int],
        heads: Sequence[Head],
        structures: int,
    ) -> None:
        super().__init__()
        self.encoder = Encoder(dimensions, in_channels, channels)
        self.heads = nn.ModuleDict(
            {head.kind: head.layers(dimensions, channels, structures) for head in heads}
        )

    def forward(self, inputs: Tensor) -> dict[str, Tensor]:
        """Return each head's raw output of ``(items, in_channels, *grid)``."""
        encoded = self.encoder(inputs)
        return {kind: layers(encoded) for kind, layers in self.heads.items()}
