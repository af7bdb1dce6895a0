"""Augmentations that move the image, and move the probabilities back."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from segqc_conformal.errors import InputError
from segqc_conformal.sampling.affine_resampling import draw_affine, resample

__all__ = ["Affine", "Flip", "Rotate90"]


@dataclass(frozen=True)
class Flip:
    """Mirror the image along axes; exact.

    Parameters
    ----------
    axes : tuple of int
        Spatial axes, the first is 0.

    Examples
    --------
    >>> Flip((0,)).augment(torch.tensor([[1.0, 2.0]]), seed=0).tolist()
    [[2.0, 1.0]]
    """

    axes: tuple[int, ...] = (0,)

    def augment(self, image: Tensor, seed: int) -> Tensor:
        """Mirror the image."""
        return image.flip(_channels_first(self.axes, image))

    def restore(self, probabilities: Tensor, seed: int) -> Tensor:
        """Mirror the probabilities back."""
        return self.augment(probabilities, seed)


@dataclass(frozen=True)
class Rotate90:
    """Rotate by right angles; exact, and the grid turns with the image where it is not square.

    Parameters
    ----------
    turns : int
        How many quarter turns from the first axis of the plane to the second.
    plane : tuple of int
        Two spatial axes.

    Examples
    --------
    >>> Rotate90().augment(torch.tensor([[[1.0, 2.0, 3.0]]]), seed=0).tolist()
    [[[3.0], [2.0], [1.0]]]
    """

    turns: int = 1
    plane: tuple[int, int] = (0, 1)

    def augment(self, image: Tensor, seed: int) -> Tensor:
        """Rotate the image."""
        return torch.rot90(image, self.turns, _channels_first(self.plane, image))

    def restore(self, probabilities: Tensor, seed: int) -> Tensor:
        """Rotate the probabilities back."""
        return torch.rot90(probabilities, -self.turns, _channels_first(self.plane, probabilities))


@dataclass(frozen=True)
class Affine:
    """Rotate, scale and shift a little, at random; linear resampling, edge values outside.

    Parameters
    ----------
    degrees : float
        Largest angle in each plane.
    scale : float
        Largest change of size, as a share, in [0, 1).
    shift : float
        Largest shift along each axis, as a share of the image's extent.
    spacing_mm : tuple of float, optional
        Voxel size, so that angles are angles in space; None: cubic voxels.

    Notes
    -----
    Guarantee: restored probabilities of exclusive classes sum to 1. 2-D and 3-D only. Resampling
    twice blurs: samples differ a little also where the model does not.

    Examples
    --------
    >>> image = torch.rand(1, 8, 8)
    >>> Affine(degrees=0.0, scale=0.0, shift=0.0).augment(image, 0).allclose(image, atol=1e-5)
    True
    """

    degrees: float = 5.0
    scale: float = 0.05
    shift: float = 0.02
    spacing_mm: tuple[float, ...] | None = None

    def __post_init__(self) -> None:
        """Refuse a size that could vanish: it could not be undone."""
        if not 0.0 <= self.scale < 1.0:
            raise InputError("a scale in [0, 1)", self.scale, "give a share, such as 0.05")

    def augment(self, image: Tensor, seed: int) -> Tensor:
        """Resample the image at the moved places."""
        return resample(image, self._matrix(image, seed))

    def restore(self, probabilities: Tensor, seed: int) -> Tensor:
        """Resample the probabilities at the places moved back."""
        return resample(probabilities, torch.linalg.inv(self._matrix(probabilities, seed)))

    def _matrix(self, image: Tensor, seed: int) -> Tensor:
        shape = tuple(image.shape[1:])
        if len(shape) not in (2, 3) or len(self.spacing_mm or shape) != len(shape):
            raise InputError(
                f"an image of 2 or 3 dimensions for {self}",
                f"spatial shape {shape}",
                "leave Affine out for other dimensions; give spacing_mm one entry per axis",
            )
        spacing = self.spacing_mm or (1.0,) * len(shape)
        return draw_affine(shape, spacing, self.degrees, self.scale, self.shift, seed)


def _channels_first(axes: tuple[int, ...], image: Tensor) -> list[int]:
    if not all(0 <= axis < image.ndim - 1 for axis in axes):
        raise InputError(
            f"spatial axes from 0 to {image.ndim - 2}", axes, "name axes the image has"
        )
    return [axis + 1 for axis in axes]
