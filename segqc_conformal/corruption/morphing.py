"""From one mask to the next without a jump."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import distance_transform_edt

from segqc_conformal.corruption.reference_masks import MaskPath, Masks
from segqc_conformal.corruption.smooth_field import uniform_field

__all__ = ["morphed"]

EDGE = 0.01  # how far the random field stays away from 0 and 1, where a mask would have no weight


def morphed(
    stations: Sequence[Masks], spacing_mm: tuple[float, ...], rng: np.random.Generator
) -> MaskPath:
    """Make a path through some masks, evenly spaced in strength.

    Between two masks it follows the sign of their weighted signed distances; a smooth random field
    lets some regions change earlier than others.

    Parameters
    ----------
    stations : sequence of ndarray of bool, shape ``(structures, *spatial)``
        At least two.
    spacing_mm : tuple of float
    rng : Generator

    Returns
    -------
    MaskPath
        The first of `stations` at strength 0, the last at 1.

    Notes
    -----
    Guarantee: none.

    Examples
    --------
    >>> ends = [np.eye(1, 5, dtype=bool), np.ones((1, 5), dtype=bool)]
    >>> path = morphed(ends, (1.0,), np.random.default_rng(0))
    >>> [int(path(strength).sum()) for strength in (0.0, 0.5, 1.0)]
    [1, 3, 5]
    """
    shape = stations[0].shape[1:]
    length = max(n * step for n, step in zip(shape, spacing_mm, strict=True)) / 8
    early = np.clip(uniform_field(rng, shape, spacing_mm, length), EDGE, 1.0 - EDGE)

    @cache
    def distances(station: int) -> NDArray[np.float64]:
        return np.stack([_signed_distance(mask, spacing_mm) for mask in stations[station]])

    def path(strength: float) -> Masks:
        position = strength * (len(stations) - 1)
        station = min(int(position), len(stations) - 2)
        share = position - station
        before = (1.0 - share) * early * distances(station)
        return np.asarray(before + share * (1.0 - early) * distances(station + 1) > 0.0)

    return path


def _signed_distance(mask: Masks, spacing_mm: tuple[float, ...]) -> NDArray[np.float64]:
    """Return the distance to the other side in mm, positive inside; the grid ends in background."""
    if not mask.any():
        return np.full(mask.shape, -np.linalg.norm(np.multiply(mask.shape, spacing_mm)))
    within = (slice(1, -1),) * mask.ndim
    inside = distance_transform_edt(np.pad(mask, 1), sampling=spacing_mm)[within]
    return np.asarray(inside - distance_transform_edt(~mask, sampling=spacing_mm))
