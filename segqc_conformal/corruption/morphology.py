"""Masks drawn too small or too large: erosion and dilation, in mm."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import distance_transform_edt

from segqc_conformal.corruption.reference_masks import (
    MaskPath,
    Masks,
    ReferenceMasks,
    near_structures,
    side_mm,
)
from segqc_conformal.corruption.smooth_field import uniform_field

__all__ = ["dilation", "erosion"]

REACH = 2.0  # how far a structure grows at strength 1, in sides of the cube of its volume


@near_structures
def erosion(reference: ReferenceMasks, rng: np.random.Generator) -> MaskPath:
    """Take away what lies within a distance of the boundary; at strength 1 all.

    Within one voxel's depth a smooth random field says which regions go first: whole layers at
    once would leave small structures few values of Dice to choose from.

    Parameters
    ----------
    reference : ReferenceMasks
        Distances are in mm, by its spacing.
    rng : Generator

    Returns
    -------
    MaskPath

    Notes
    -----
    Guarantee: more strength, never a higher Dice.
    """
    depth = np.stack([_depth(mask, reference.spacing_mm) for mask in reference.masks])
    depth += _within_a_voxel(reference, rng)
    deepest = _by_structure(np.where(reference.masks, depth, 0.0).max(axis=_spatial(depth)), depth)
    return lambda strength: reference.masks & (depth > strength * deepest)


@near_structures
def dilation(reference: ReferenceMasks, rng: np.random.Generator) -> MaskPath:
    """Add what lies within a distance of the structure: up to twice the side of its cube.

    Within one voxel's depth a smooth random field says which regions come first.

    Parameters
    ----------
    reference : ReferenceMasks
        Distances are in mm, by its spacing.
    rng : Generator

    Returns
    -------
    MaskPath

    Notes
    -----
    Guarantee: more strength, never a higher Dice of a single structure. Dice 0 is out of reach.
    """
    outside = np.stack([_distance(mask, reference.spacing_mm) for mask in reference.masks])
    outside -= _within_a_voxel(reference, rng)
    sides = np.array([side_mm(mask, reference.spacing_mm) for mask in reference.masks])
    reach = _by_structure(REACH * sides, outside)
    return lambda strength: reference.masks | (outside < strength * reach)


def _depth(mask: Masks, spacing_mm: tuple[float, ...]) -> NDArray[np.float64]:
    inside = distance_transform_edt(np.pad(mask, 1), sampling=spacing_mm)
    return np.asarray(inside[(slice(1, -1),) * mask.ndim])


def _distance(mask: Masks, spacing_mm: tuple[float, ...]) -> NDArray[np.float64]:
    if not mask.any():
        return np.full(mask.shape, np.inf)
    return np.asarray(distance_transform_edt(~mask, sampling=spacing_mm))


def _within_a_voxel(reference: ReferenceMasks, rng: np.random.Generator) -> NDArray[np.float64]:
    spacing, union = reference.spacing_mm, reference.union
    field = uniform_field(rng, union.shape, spacing, side_mm(union, spacing) / 4)
    return field * min(spacing)


def _by_structure(values: NDArray[np.float64], like: NDArray[np.float64]) -> NDArray[np.float64]:
    return values.reshape(-1, *(1,) * (like.ndim - 1))


def _spatial(masks: NDArray[np.float64]) -> tuple[int, ...]:
    return tuple(range(1, masks.ndim))
