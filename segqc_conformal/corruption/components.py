"""Components that are missing, and components that should not be there."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import label

from segqc_conformal.corruption.reference_masks import (
    MaskPath,
    Masks,
    ReferenceMasks,
    near_structures,
    side_mm,
)
from segqc_conformal.corruption.removal_order import removal_order
from segqc_conformal.corruption.smooth_field import uniform_field

__all__ = ["added_components", "dropped_components"]

MOST_BLOBS = 3
REACH = 2.0  # radius of the blobs at strength 1, in sides of the cube of the structure's volume


@near_structures
def dropped_components(reference: ReferenceMasks, rng: np.random.Generator) -> MaskPath:
    """Drop the share `strength` of each structure, one component after the other.

    Components (connected by faces) go in random order; the last one loses a round bite only.

    Parameters
    ----------
    reference : ReferenceMasks
    rng : Generator

    Returns
    -------
    MaskPath

    Notes
    -----
    Guarantee: Dice is 2 (1 - s) / (2 - s) at strength s, but for whole voxels.
    """
    orders = [_component_order(mask, reference.spacing_mm, rng) for mask in reference.masks]
    going = np.stack(orders)
    return lambda strength: reference.masks & (going > strength)


@near_structures
def added_components(reference: ReferenceMasks, rng: np.random.Generator) -> MaskPath:
    """Add one to three lumpy blobs beside each structure, which grow with `strength`.

    Parameters
    ----------
    reference : ReferenceMasks
        Radii are in mm, by its spacing.
    rng : Generator

    Returns
    -------
    MaskPath

    Notes
    -----
    Guarantee: more strength, never a higher Dice of a single structure. Dice 0 is out of reach.
    """
    background = ~reference.union
    radii = np.stack(
        [_blob_radii(mask, background, reference.spacing_mm, rng) for mask in reference.masks]
    )
    return lambda strength: reference.masks | (radii < strength * REACH)


def _component_order(
    mask: Masks, spacing_mm: tuple[float, ...], rng: np.random.Generator
) -> NDArray[np.float64]:
    numbers, count = label(mask)
    places = np.argwhere(mask)
    component = numbers[mask] - 1
    seeds = [rng.choice(np.flatnonzero(component == each)) for each in range(count)]
    centres = places[np.array(seeds, dtype=np.int64)][component]
    bite = np.linalg.norm((places - centres) * np.array(spacing_mm), axis=1)
    return removal_order(mask, rng.permutation(count)[component], bite)


def _blob_radii(
    mask: Masks, background: Masks, spacing_mm: tuple[float, ...], rng: np.random.Generator
) -> NDArray[np.float64]:
    """Say at which radius the blobs reach a voxel, in sides of the mask's cube."""
    side, places = side_mm(mask, spacing_mm), np.argwhere(background)
    if not side or not len(places):
        return np.full(mask.shape, np.inf)
    lumps = 0.5 + uniform_field(rng, mask.shape, spacing_mm, side / 3)
    grid = np.moveaxis(np.indices(mask.shape), 0, -1)
    radii = [
        np.linalg.norm((grid - centre) * np.array(spacing_mm), axis=-1) / rng.uniform(0.5, 1.5)
        for centre in rng.choice(places, rng.integers(1, MOST_BLOBS + 1))
    ]
    return np.where(background, np.min(radii, axis=0) * lumps / side, np.inf)
