"""Reverse segmentation by a function of the user: a promptable or in-context segmenter."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from segqc_conformal.errors import GeometryError, InputError
from segqc_conformal.reverse.labelled_image import LabelledImage

__all__ = ["OwnSegmenter"]


@dataclass(frozen=True)
class OwnSegmenter:
    """Segment each reference by a function that is shown the case with its mask.

    Parameters
    ----------
    segment : callable
        ``segment(image, mask, reference_image) -> label map``: images ``(channels, *spatial)``
        float32, mask ``(*spatial)`` int64, the result on the reference's grid with the labels of
        the mask. Overlapping regions come as a label map of the combinations that occur.
    name : str
        Names function and weights in the identity of the features: another one, another name.

    Raises
    ------
    InputError
        Without a name.

    Notes
    -----
    Guarantee: none. Source of the idea: Cosarinsky et al., arXiv 2503.04522 (2025), with in-context
    segmenters.

    Examples
    --------
    >>> OwnSegmenter(lambda image, mask, reference: mask, name="copy")
    OwnSegmenter(name='copy')
    """

    segment: Callable[[NDArray[Any], NDArray[Any], NDArray[Any]], Any] = field(repr=False)
    name: str

    def __post_init__(self) -> None:
        """Check the name."""
        if not self.name:
            raise InputError("a name for the segmenter", repr(self.name), "name it and its weights")

    def label_maps(
        self, case: LabelledImage, references: Sequence[LabelledImage]
    ) -> list[NDArray[np.int64]]:
        """Segment one reference after the other."""
        return [self._checked(case, one) for one in references]

    def _checked(self, case: LabelledImage, reference: LabelledImage) -> NDArray[np.int64]:
        said = np.asarray(self.segment(case.image, case.labels, reference.image))
        whole = said.astype(np.int64)
        if said.shape != reference.labels.shape or not np.array_equal(whole, said):
            raise GeometryError(
                f"whole labels of shape {reference.labels.shape} from {self.name}",
                f"shape {said.shape}, dtype {said.dtype}",
                "return a label map on the grid of reference_image",
            )
        return whole
