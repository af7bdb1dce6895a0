"""Masks in the wrong place: shifts and smooth elastic deformations, in mm."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from segqc_conformal.corruption.reference_masks import (
    MaskPath,
    Masks,
    ReferenceMasks,
    near_structures,
    side_mm,
)
from segqc_conformal.corruption.smooth_field import normal_field, uniform_field

__all__ = ["elastic", "shift"]

BELOW_ONE = np.nextafter(1.0, 0.0)


@near_structures
def shift(reference: ReferenceMasks, rng: np.random.Generator) -> MaskPath:
    """Move all structures together in a random direction; at strength 1 past their own box.

    Of a fraction of a voxel, that share of the regions of a smooth random field moves one voxel
    further than the rest.

    Parameters
    ----------
    reference : ReferenceMasks
    rng : Generator

    Returns
    -------
    MaskPath

    Notes
    -----
    Guarantee: Dice 0 at strength 1. What leaves the grid is lost.
    """
    spacing, union = np.array(reference.spacing_mm), reference.union
    direction = rng.standard_normal(union.ndim)
    # in voxels, so that along one axis it is the whole length of the structures' box
    lengths = np.ptp(np.argwhere(union), axis=0) + 1
    whole = direction / spacing * np.min(lengths * spacing / np.abs(direction))
    unevenly = np.minimum(_fields(uniform_field, reference, rng, 0.5), BELOW_ONE)
    steps = whole.reshape(-1, *(1,) * union.ndim)
    return lambda strength: _moved(reference.masks, np.floor(strength * steps + unevenly))


@near_structures
def elastic(reference: ReferenceMasks, rng: np.random.Generator) -> MaskPath:
    """Deform all structures together by a smooth random displacement.

    At strength 1 its standard deviation along each axis is the side of the cube of their volume,
    and it changes over a quarter of that.

    Parameters
    ----------
    reference : ReferenceMasks
    rng : Generator

    Returns
    -------
    MaskPath

    Notes
    -----
    Guarantee: none. Dice near 0 is out of reach.
    """
    spacing, union = np.array(reference.spacing_mm), reference.union
    largest = side_mm(union, reference.spacing_mm) / spacing
    whole = _fields(normal_field, reference, rng, 0.25) * largest.reshape(-1, *(1,) * union.ndim)
    return lambda strength: _moved(reference.masks, np.rint(strength * whole))


def _fields(
    draw: Callable[..., NDArray[np.float64]],
    reference: ReferenceMasks,
    rng: np.random.Generator,
    length: float,
) -> NDArray[np.float64]:
    """Draw one field per axis; `length` is in sides of the cube of the structures' volume."""
    union, spacing = reference.union, reference.spacing_mm
    length_mm = length * side_mm(union, spacing)
    return np.stack([draw(rng, union.shape, spacing, length_mm) for _ in spacing])


def _moved(masks: Masks, voxels: NDArray[np.float64]) -> Masks:
    """Fetch each voxel from where the displacement ``(axes, *spatial)`` says; outside is empty."""
    shape = masks.shape[1:]
    place, inside = np.zeros(shape, dtype=np.int64), np.ones(shape, dtype=np.bool_)
    for steps, own, length in zip(voxels, np.ogrid[tuple(map(slice, shape))], shape, strict=True):
        source = own - steps.astype(np.int64)
        inside &= (source >= 0) & (source < length)
        place = place * length + source
    place[~inside] = 0
    return np.asarray(masks.reshape(len(masks), -1)[:, place] & inside)
