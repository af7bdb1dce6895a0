"""The usual mistakes by which two grids differ, told apart and named in words.

What tells them apart is the matrix from the voxels of the one array to those of the other: a
permutation is swapped axes, -1 a flip, a diagonal a spacing, an offset a shift. A matrix counts as
one of these within 0.1 % of a voxel at each entry.
"""

from __future__ import annotations

from itertools import permutations
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from segqc_conformal.geometry import Grid, close, spacing_in_words, world_axes

__all__ = ["Mistake", "axes_in_words", "named_mistake"]

Matrix = NDArray[np.float64]

_TOLERANCE = 1e-3  # of a voxel
_WORLD = ("left-right", "anterior-posterior", "inferior-superior")
_LPS = np.diag([-1.0, -1.0, 1.0, 1.0])

_REORIENT = "save it in the voxel order of the image (nibabel.as_closest_canonical on both files)"
_RESAMPLE = "resample it to the image's grid"
_HEADER = "repair its header if the voxels fit, else resample it to the image's grid"


class _Placed(NamedTuple):
    """A grid whose affine is known."""

    shape: tuple[int, ...]
    affine: Matrix


class Mistake(NamedTuple):
    """A difference of two grids in words, and what to do about it."""

    words: str
    remedy: str


def named_mistake(image: Grid, other: Grid, name: str) -> Mistake:
    """Name the mistake by which a grid that is not the image's differs from it.

    Parameters
    ----------
    image, other : Grid
        Not the same grid.
    name : str
        What `other` is the grid of: "a mask", "a reference", "probabilities", ...

    Returns
    -------
    Mistake

    Notes
    -----
    Guarantee: a permutation of axes, with or without flips, of an array and its affine together
    is named exactly. Where only shapes are known and several permutations fit, the one that moves
    the fewest axes is named.

    Examples
    --------
    >>> named_mistake(Grid((2, 3, 4)), Grid((4, 3, 2)), "a mask").words
    'a mask whose axes 0 and 2 are swapped: shape (4, 3, 2)'
    """
    if image.affine is None or other.affine is None or close(image.affine, other.affine):
        if image.shape == other.shape:
            return _other_spacing(image.spacing_mm or (), other.spacing_mm or (), name)
        return _other_shape(image.shape, other.shape, name)
    if not np.isfinite(other.affine).all():
        return Mistake(f"{name} whose affine holds NaN or infinity", "repair its header")
    if abs(np.linalg.det(image.affine)) < 1e-12 or not np.isfinite(image.affine).all():
        return Mistake("an affine of the image that cannot be inverted", "repair its header")
    return _other_affine(
        _Placed(image.shape, image.affine), _Placed(other.shape, other.affine), name
    )


def axes_in_words(order: tuple[int, ...]) -> str:
    """Say which axes are exchanged, where axis k is the image's axis ``order[k]``.

    Examples
    --------
    >>> axes_in_words((2, 1, 0)), axes_in_words((1, 2, 0))
    ('axes 0 and 2 are swapped', "axes 0, 1, 2 are the image's axes 1, 2, 0")
    """
    moved = [axis for axis, source in enumerate(order) if axis != source]
    if len(moved) == 2:
        return f"axes {moved[0]} and {moved[1]} are swapped"
    return f"axes {_listed(moved)} are the image's axes {_listed([order[axis] for axis in moved])}"


def _listed(axes: list[int]) -> str:
    return ", ".join(map(str, axes))


def _other_shape(image: tuple[int, ...], other: tuple[int, ...], name: str) -> Mistake:
    if len(image) != len(other):
        words = f"{name} of shape {other}, which has {len(other)} spatial axes, not {len(image)}"
        return Mistake(words, "overlapping regions are one more axis: see `segqc extract --help`")
    fitting = [
        order
        for order in permutations(range(len(image)))
        if tuple(image[axis] for axis in order) == other
    ]
    if fitting:
        order = min(fitting, key=lambda one: sum(axis != source for axis, source in enumerate(one)))
        words = f"{name} whose {axes_in_words(order)}: shape {other}"
        return Mistake(words, "save its array in the image's axis order")
    differing = [axis for axis, size in enumerate(image) if other[axis] != size]
    words = f"{name} of shape {other}"
    if len(differing) == 1:
        more = other[differing[0]] - image[differing[0]]
        words += f": {abs(more)} {'more' if more > 0 else 'fewer'} along axis {differing[0]}"
    return Mistake(words, _RESAMPLE)


def _other_spacing(image: tuple[float, ...], other: tuple[float, ...], name: str) -> Mistake:
    here, there = spacing_in_words(image), spacing_in_words(other)
    both = f"{there}, the image's is {here}"
    if len(image) == len(other):
        ratios = np.divide(other, image)
        if np.ptp(ratios) <= _TOLERANCE * ratios.max():
            return Mistake(f"{name} whose spacing is {_times(ratios[0])}: {both}", _HEADER)
        if np.allclose(sorted(image), sorted(other), rtol=_TOLERANCE, atol=0):
            return Mistake(f"{name} whose spacing is in another axis order: {both}", _REORIENT)
    return Mistake(f"{name} whose spacing is {both}", _HEADER)


def _times(ratio: float) -> str:
    word = f"{ratio:.5g}x too large" if ratio > 1 else f"{1 / ratio:.5g}x too small"
    for unit, factor in (("metres", 1e-3), ("micrometres", 1e3)):
        if abs(ratio / factor - 1) < _TOLERANCE:
            word += f" ({unit} written as mm)"
    return word


def _other_affine(image: _Placed, other: _Placed, name: str) -> Mistake:
    between: Matrix = np.linalg.inv(image.affine) @ other.affine
    turned, offset = between[:3, :3], between[:3, 3]
    if np.allclose(turned, np.eye(3), atol=_TOLERANCE):
        if image.shape != other.shape:
            return _cropped(image, other, name, offset)
        if not close(image.affine[:3, 3], other.affine[:3, 3]):
            return _shift(image.affine, offset, name)
    order = np.round(turned)
    if (
        not np.array_equal(order, np.eye(3))
        and np.allclose(turned, order, atol=_TOLERANCE)
        and (np.abs(order) @ np.ones(3) == 1).all()
    ):
        return _other_order(image, other, name, order, offset)
    if close(_LPS @ image.affine, other.affine):
        return _opposite_convention(name)
    here, there = _spacing(image.affine), _spacing(other.affine)
    if not np.allclose(here, there, rtol=1e-6, atol=0):
        axes = len(image.shape)
        mistake = _other_spacing(here[:axes], there[:axes], name)
        if image.shape != other.shape:
            return Mistake(f"{mistake.words}; its shape is {other.shape}", _RESAMPLE)
        return mistake
    directions = [matrix[:3, :3] / _spacing(matrix) for matrix in (image.affine, other.affine)]
    cosine = (np.trace(directions[0].T @ directions[1]) - 1) / 2
    angle = np.degrees(np.arccos(np.clip(cosine, -1.0, 1.0)))
    return Mistake(f"{name} turned by {angle:.2f} degrees against the image", _RESAMPLE)


def _spacing(affine: Matrix) -> tuple[float, ...]:
    return tuple(float(step) for step in np.linalg.norm(affine[:3, :3], axis=0))


def _cropped(image: _Placed, other: _Placed, name: str, offset: Matrix) -> Mistake:
    mistake = _other_shape(image.shape, other.shape, name)
    start = tuple(float(step) for step in np.round(offset[: len(image.shape)], 2))
    return Mistake(f"{mistake.words}; begins at voxel {start} of the image", mistake.remedy)


def _shift(affine: Matrix, offset: Matrix, name: str) -> Mistake:
    millimetres = affine[:3, :3] @ offset
    along = ", ".join(f"{step:+.3g}" for step in millimetres)
    words = f"{name} shifted by {_length(millimetres)} mm ({along} along x, y, z)"
    steps = np.abs(offset[np.abs(offset) > _TOLERANCE])
    if len(steps) and np.allclose(steps, 0.5, atol=_TOLERANCE):
        words += ", half a voxel: corners were taken for centres"
    return Mistake(words, _HEADER)


def _length(millimetres: Matrix) -> str:
    length = float(np.linalg.norm(millimetres))
    return f"{length:.1f}" if length >= 0.1 else f"{length:.2g}"


def _other_order(
    image: _Placed, other: _Placed, name: str, order: Matrix, offset: Matrix
) -> Mistake:
    """Name swaps and flips; the other's axis k runs along the image axis in column k of `order`."""
    sources = np.abs(order).argmax(axis=0)
    backwards = order.sum(axis=1) < 0  # by axis of the image
    sizes = np.array([*image.shape, 1, 1][:3])
    stored_so = tuple(sizes[sources])[: len(other.shape)] == other.shape
    missing = offset - np.where(backwards, sizes - 1, 0)
    if close(_LPS @ image.affine, other.affine) and np.abs(missing).max() > _TOLERANCE:
        return _opposite_convention(name)
    parts = []
    swapped = tuple(int(axis) for axis in sources)
    if swapped != (0, 1, 2):
        parts.append(f"whose {axes_in_words(swapped[: len(image.shape)])}")
    world = world_axes(image.affine)
    flips = [f"{_WORLD[world[axis]]} flipped (axis {axis})" for axis in np.flatnonzero(backwards)]
    if flips:
        parts.append(" and ".join(flips))
    words = f"{name} {', and '.join(parts)}"
    if not stored_so:
        return Mistake(
            f"{words} in its header, but not in its array of shape {other.shape}", _HEADER
        )
    if np.abs(missing).max() <= _TOLERANCE:
        return Mistake(words, _REORIENT)
    away = _length(image.affine[:3, :3] @ missing)
    return Mistake(f"{words} in its header, which also moves it by {away} mm", _HEADER)


def _opposite_convention(name: str) -> Mistake:
    return Mistake(
        f"{name} whose affine has x and y of opposite sign: LPS (DICOM, ITK) written as RAS",
        "negate the first two rows of its affine",
    )
