"""The demo's grid, the bent coordinates of a body on it, and surfaces with partial volume."""

from __future__ import annotations

from functools import cache

import numpy as np
from numpy.typing import NDArray

from segqc_conformal.demo.body import Body

__all__ = [
    "SHAPE",
    "SPACING_MM",
    "Volume",
    "body_coordinates",
    "ellipsoid_distance_mm",
    "voxel_share",
]

SHAPE = (28, 40, 28)
SPACING_MM = (1.5, 1.5, 1.5)
Volume = NDArray[np.float32]


@cache
def _grid_mm() -> Volume:
    axes = [
        step * (np.arange(length, dtype=np.float32) - (length - 1) / 2)
        for step, length in zip(SPACING_MM, SHAPE, strict=True)
    ]
    grid = np.stack(np.meshgrid(*axes, indexing="ij"))
    grid.setflags(write=False)
    return grid


def _rotation(angles: tuple[float, float, float]) -> NDArray[np.float32]:
    turn = np.eye(3)
    for (i, j), angle in zip(((1, 2), (0, 2), (0, 1)), angles, strict=True):
        step = np.eye(3)
        step[[i, j, i, j], [i, j, j, i]] = [np.cos(angle)] * 2 + [-np.sin(angle), np.sin(angle)]
        turn = turn @ step
    return np.asarray(turn, dtype=np.float32)


def body_coordinates(body: Body) -> tuple[Volume, Volume, Volume]:
    """Coordinates of every voxel in mm: along the straightened axis, sideways and upwards.

    Examples
    --------
    >>> from segqc_conformal.demo.body import draw_body
    >>> along, _, _ = body_coordinates(draw_body(np.random.default_rng(0)))
    >>> along.shape, bool((np.diff(along, axis=1) > 0).all())
    ((28, 40, 28), True)
    """
    turn = _rotation(body.angles)
    x, y, z = (
        sum(turn[row, axis] * (_grid_mm()[axis] - body.centre_mm[axis]) for axis in range(3))
        for row in range(3)
    )
    return y, x - np.float32(body.side_bend) * y**2, z + np.float32(body.bend) * y**2


def ellipsoid_distance_mm(
    offsets: tuple[Volume, Volume, Volume], radii: tuple[float | Volume, ...]
) -> Volume:
    """Signed distance from an ellipsoid's surface, to first order; negative inside.

    Parameters
    ----------
    offsets : tuple of three ndarray of float32
        Coordinates relative to the ellipsoid's centre, along its axes, in mm.
    radii : tuple of three float or ndarray
        Half axes in mm; arrays let them vary along the body.

    Returns
    -------
    ndarray of float32
        In mm: the level set divided by its slope, exact near the surface.

    Notes
    -----
    Guarantee: none (arithmetic). Source: Taubin, IEEE PAMI 13 (1991), first-order distance.

    Examples
    --------
    >>> line = np.array([1.0, 2.0, 2.5])
    >>> ellipsoid_distance_mm((line, 0 * line, 0 * line), (2.0, 2.0, 2.0)).round(1).tolist()
    [-1.0, 0.0, 0.5]
    """
    scaled = [offset / radius for offset, radius in zip(offsets, radii, strict=True)]
    level = np.sqrt(sum(part**2 for part in scaled)) + np.float32(1e-3)
    slope = np.sqrt(sum((part / r) ** 2 for part, r in zip(scaled, radii, strict=True)))
    return np.asarray(level * (level - 1) / (slope + np.float32(1e-3)))


def voxel_share(distance_mm: Volume) -> Volume:
    """Share of a voxel inside a surface: linear over the voxel's own width.

    Examples
    --------
    >>> voxel_share(np.array([-2.0, -0.375, 0.0, 2.0])).tolist()
    [1.0, 0.75, 0.5, 0.0]
    """
    share: Volume = np.clip(0.5 - distance_mm / SPACING_MM[0], 0.0, 1.0)
    return share
