"""What the channels of a sample mean; the predictor's activation decides it, nothing is guessed."""

from __future__ import annotations

from typing import Literal

__all__ = ["Channels"]

# "exclusive": classes of which each voxel has one; one channel alone is a binary structure.
# "overlapping": regions, each yes or no by itself (BraTS style).
# "evidence": non-negative evidence for exclusive classes, the parameters of a Dirichlet less 1.
Channels = Literal["exclusive", "overlapping", "evidence"]
