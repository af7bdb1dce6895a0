"""What a reverse segmenter is."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from segqc_conformal.reverse.labelled_image import LabelledImage

__all__ = ["ReverseBackend"]


@runtime_checkable
class ReverseBackend(Protocol):
    """A way to segment references when one labelled case is all there is to learn from.

    A frozen dataclass; its ``repr`` names it, and says whether two tables of features are alike.
    """

    def label_maps(
        self, case: LabelledImage, references: Sequence[LabelledImage]
    ) -> Sequence[NDArray[np.int64]]:
        """Return a label map on each reference's grid, with labels of the case."""
