"""What can be seen of a differing region without its reference mask."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from segqc_conformal.errors import GeometryError, InputError
from segqc_conformal.review.differing_regions import DifferingRegions

__all__ = ["region_features"]

PROBABILITY = "mean_probability"
Features = dict[str, NDArray[np.float64]]
Mean = Callable[[NDArray[Any]], NDArray[np.float64]]  # of a value per differing voxel, by region


def region_features(
    found: DifferingRegions,
    before: NDArray[np.intp],
    maps: Mapping[str, Any],
    spacing_mm: tuple[float, ...],
    case_id: str | None = None,
) -> Features:
    """Measure each differing region.

    Parameters
    ----------
    found : DifferingRegions
    before : ndarray of int, shape ``(*spatial)``
        `structure_codes` of the judged mask.
    maps : mapping of str to array
        Averaged over each region under their own names, where they are ``(*spatial)``.
        ``mean_probability`` ``(classes, *spatial)`` of the samples (channel = label order:
        background, then the structures) gives the probabilities of both names.
    spacing_mm : tuple of float
        Voxel size along each axis.
    case_id : str, optional
        Named in errors.

    Returns
    -------
    dict of str to ndarray of float64, shape (regions,)
        ``log_volume`` natural logarithm of the volume in mm^d; ``relative_volume`` over the volume
        of the structures involved in the judged mask, and itself, in (0, 1]; ``surface_contact``
        share of its outer faces, in [0, 1], towards voxels that the judged mask already calls what
        the refined mask calls the region; ``distance_mm`` and ``distance_max_mm`` of its voxels to
        the nearest voxel that the judged mask calls otherwise; ``thickness_mm`` largest distance
        to a voxel outside; and of the maps ``refined_probability``, ``judged_probability`` and one
        for each other map.

    Raises
    ------
    InputError, GeometryError
        For maps that are not finite or not on the grid.

    Notes
    -----
    Guarantee: none.
    """
    regions, inside = len(found.changes), found.numbers > 0
    which = found.numbers[inside] - 1
    sizes = np.bincount(which, minlength=regions)

    def mean(values: NDArray[Any]) -> NDArray[np.float64]:
        return np.bincount(which, weights=values, minlength=regions) / np.maximum(sizes, 1)

    voxels = np.bincount(before.ravel(), minlength=len(found.names))
    voxels[0] = 0  # the background has no size of its own
    features = {
        "log_volume": np.log(sizes * np.prod(spacing_mm)),
        "relative_volume": sizes / (voxels[found.changes].sum(axis=1) + sizes),
        "surface_contact": _surface_contact(found, before),
        **_distances(found, before, spacing_mm, mean),
    }
    for name, values in maps.items():
        features |= _of_map(name, np.asarray(values), found, mean, case_id)
    return features


def _of_map(
    name: str, values: NDArray[Any], found: DifferingRegions, mean: Mean, case_id: str | None
) -> Features:
    inside = found.numbers > 0
    shape = inside.shape if name != PROBABILITY else (len(found.names), *inside.shape)
    if values.shape != shape:
        raise GeometryError(
            f"{name} of shape {shape}", values.shape, "give it on the mask's grid", case_id
        )
    if not np.isfinite(values).all():
        raise InputError(f"finite numbers in {name}", "NaN or infinity", "repair the map", case_id)
    if name != PROBABILITY:
        return {name: mean(values[inside])}
    codes = found.changes[found.numbers[inside] - 1]
    chances = values[:, inside]
    judged, refined = (chances[codes[:, side], np.arange(len(codes))] for side in (0, 1))
    return {"judged_probability": mean(judged), "refined_probability": mean(refined)}


def _distances(
    found: DifferingRegions,
    before: NDArray[np.intp],
    spacing_mm: tuple[float, ...],
    mean: Mean,
) -> Features:
    inside = found.numbers > 0
    farthest = float(np.linalg.norm(np.multiply(before.shape, spacing_mm)))
    to_other, to_outside = np.zeros(before.shape), np.zeros(before.shape)
    of_voxel = np.zeros((*before.shape, 2), dtype=np.intp)
    of_voxel[inside] = found.changes[found.numbers[inside] - 1]
    for change in np.unique(found.changes, axis=0):
        where = inside & (of_voxel == change).all(axis=-1)
        to_other[where] = _distance(before == change[0], spacing_mm, farthest)[where]
        to_outside[where] = _distance(where, spacing_mm, farthest)[where]
    numbers = np.arange(1, len(found.changes) + 1)
    return {
        "distance_mm": mean(to_other[inside]),
        "distance_max_mm": np.asarray(ndimage.maximum(to_other, found.numbers, numbers)),
        "thickness_mm": np.asarray(ndimage.maximum(to_outside, found.numbers, numbers)),
    }


def _distance(
    where: NDArray[np.bool_], spacing_mm: tuple[float, ...], farthest: float
) -> NDArray[np.float64]:
    if where.all():
        return np.full(where.shape, farthest)  # there is no voxel to be near to
    return np.asarray(ndimage.distance_transform_edt(where, sampling=spacing_mm))


def _surface_contact(found: DifferingRegions, before: NDArray[np.intp]) -> NDArray[np.float64]:
    regions = len(found.changes)
    faces, touching = np.zeros(regions), np.zeros(regions)
    for axis in range(before.ndim):
        numbers, codes = np.moveaxis(found.numbers, axis, 0), np.moveaxis(before, axis, 0)
        for own, other in ((slice(1, None), slice(None, -1)), (slice(None, -1), slice(1, None))):
            outer = (numbers[own] > 0) & (numbers[own] != numbers[other])
            which = numbers[own][outer] - 1
            joins = codes[other][outer] == found.changes[which, 1]
            faces += np.bincount(which, minlength=regions)
            touching += np.bincount(which, weights=joins, minlength=regions)
    return touching / np.maximum(faces, 1.0)
