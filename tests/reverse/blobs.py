"""Images given by formula, so that a map of places gives an exactly warped image."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

import segqc_conformal as sq
from segqc_conformal.reverse import LabelledImage

__all__ = ["at_rest", "case", "labelled", "voxel_places"]

Map = Callable[[NDArray[Any]], NDArray[Any]]


def at_rest(places: NDArray[Any]) -> NDArray[Any]:
    """Leave every place where it is."""
    return places


def voxel_places(shape: tuple[int, ...], spacing: tuple[float, ...]) -> NDArray[Any]:
    """Return the place of each voxel in mm from the centre of the grid, ``(*shape, axes)``."""
    lines = [(np.arange(n) - (n - 1) / 2) * step for n, step in zip(shape, spacing, strict=True)]
    return np.stack(np.meshgrid(*lines, indexing="ij"), axis=-1)


def labelled(
    shape: tuple[int, ...], warp: Map = at_rest, spacing: tuple[float, ...] | None = None
) -> LabelledImage:
    """Return blobs, and two of them as structures, seen through a map of places."""
    steps = spacing or (1.0,) * len(shape)
    rng = np.random.default_rng(7)
    places = warp(voxel_places(shape, steps))
    image = np.zeros(places.shape[:-1])
    for number in range(14 if len(shape) == 2 else 60):
        centre = rng.uniform(-14.0, 14.0, 3)[: len(shape)]
        size, height = rng.uniform(2.5, 5.0), rng.choice([-1.0, 1.0])
        image += height * np.exp(-0.5 * ((places - centre) ** 2).sum(axis=-1) / size**2)
        if number == 0:
            image *= 3.0
    left = np.zeros(len(shape))
    left[0] = -5.0
    away = [((places - centre) ** 2).sum(axis=-1) for centre in (left, -left)]
    labels = np.where(away[0] < 25.0, 1, np.where(away[1] < 16.0, 2, 0))
    return LabelledImage(image[None].astype(np.float32), labels, steps)


def case(
    name: str, image: LabelledImage, mask: NDArray[Any] | None = None, patient: str | None = None
) -> sq.Case:
    """Return a case whose reference mask are the labels."""
    return sq.Case(
        image.image[0],
        name,
        patient or f"p-{name}",
        mask=mask,
        reference=image.labels,
        spacing_mm=image.spacing,
    )
