"""Smooth random fields on the demo's grid: texture, folds, surfaces and bias all come from them."""

from __future__ import annotations

from functools import cache

import numpy as np
from numpy.typing import NDArray

__all__ = ["smooth_field"]


@cache
def _spline_weights(length: int, knots: int) -> NDArray[np.float32]:
    """Cubic B-spline weights, ``(length, knots)``, each row scaled to unit energy."""
    # The outermost knots stand outside the grid, so that the ends are as smooth as the middle.
    position = np.linspace(1.0, knots - 2.0, length)
    distance = np.abs(position[:, None] - np.arange(knots)[None, :])
    inner = 2.0 / 3.0 - distance**2 + distance**3 / 2.0
    outer = np.clip(2.0 - distance, 0.0, None) ** 3 / 6.0
    weights = np.where(distance < 1.0, inner, outer)
    weights /= np.sqrt((weights**2).sum(axis=1, keepdims=True))
    return np.asarray(weights, dtype=np.float32)


def smooth_field(
    rng: np.random.Generator, shape: tuple[int, int, int], knots: tuple[int, int, int]
) -> NDArray[np.float32]:
    """Draw a smooth Gaussian random field with mean 0 and standard deviation 1 in every voxel.

    Parameters
    ----------
    rng : Generator
        Where the randomness comes from.
    shape : tuple of int
        Voxels along each axis.
    knots : tuple of int
        Spline knots along each axis, >= 4: the more knots, the finer the field.

    Returns
    -------
    ndarray of float32, shape `shape`

    Notes
    -----
    Guarantee: none (a simulation). Independent normal weights on a tensor-product cubic B-spline.

    Examples
    --------
    >>> field = smooth_field(np.random.default_rng(0), (28, 40, 28), (8, 10, 8))
    >>> field.shape, bool(0.8 < field.std() < 1.2)
    ((28, 40, 28), True)
    """
    field = rng.standard_normal(knots, dtype=np.float32)
    for length, count in zip(shape, knots, strict=True):
        # Each pass turns the first axis from knots into voxels and moves it to the end.
        field = np.tensordot(field, _spline_weights(length, count), axes=(0, 1))
    return field
