"""What is done to an image before the model sees it, and undone on the probabilities after."""

from __future__ import annotations

from typing import Protocol

from torch import Tensor

from segqc_conformal.sampling.intensity_augmentations import Intensity, Noise
from segqc_conformal.sampling.spatial_augmentations import Affine, Flip, Rotate90

__all__ = [
    "Affine",
    "Augmentation",
    "Flip",
    "Intensity",
    "Noise",
    "Rotate90",
    "default_augmentations",
]


class Augmentation(Protocol):
    """Changes an image, and takes probabilities of the changed image back to its grid.

    A frozen dataclass, so that its text names its settings. Both methods get the same seed, so
    that what is drawn for the image can be undone.
    """

    def augment(self, image: Tensor, seed: int) -> Tensor:
        """Return the changed image; ``(channels, *spatial)`` in and out."""
        ...

    def restore(self, probabilities: Tensor, seed: int) -> Tensor:
        """Return probabilities ``(classes, *spatial)`` on the grid of the unchanged image."""
        ...


def default_augmentations(dimensions: int) -> tuple[Augmentation, ...]:
    """Return the augmentations used where none are named.

    Parameters
    ----------
    dimensions : int
        Number of spatial axes.

    Returns
    -------
    tuple of Augmentation
        A flip along each axis, noise twice, intensity twice; in 2-D and 3-D also a small affine
        twice, in 3-D without rotation: with thick slices it would shear what it should turn.

    Examples
    --------
    >>> [len(default_augmentations(dimensions)) for dimensions in (1, 2, 3)]
    [5, 8, 9]
    """
    flips = tuple(Flip((axis,)) for axis in range(dimensions))
    moved = {2: (Affine(), Affine()), 3: (Affine(degrees=0.0), Affine(degrees=0.0))}
    return *flips, *moved.get(dimensions, ()), Noise(), Noise(), Intensity(), Intensity()
