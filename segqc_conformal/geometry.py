"""Do image, mask and reference lie on one grid? The only place where that is decided."""

from __future__ import annotations

from itertools import permutations
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from segqc_conformal.errors import GeometryError

__all__ = [
    "TOLERANCE_MM",
    "Grid",
    "check_same_grid",
    "close",
    "default_affine",
    "orientation",
    "same_grid",
    "spacing_in_words",
    "world_axes",
]

# Two tools that write one grid differ in the last digits of a float32 affine, in mm.
TOLERANCE_MM = 1e-3


class Grid(NamedTuple):
    """Where the voxels of an array lie.

    ``shape`` is spatial only; ``affine`` is voxel to world in mm, shape (4, 4); ``spacing_mm`` has
    one entry per axis. Each of the last two is None where it is not known, and is then not
    compared.
    """

    shape: tuple[int, ...]
    affine: NDArray[np.float64] | None = None
    spacing_mm: tuple[float, ...] | None = None


def same_grid(image: Grid, other: Grid) -> bool:
    """Return whether two grids are one: equal shape, affine and spacing, where both know them.

    Entries of an affine and spacings may differ by up to 0.001 mm; NaN is never equal.

    Examples
    --------
    >>> same_grid(Grid((2, 3)), Grid((2, 3))), same_grid(Grid((2, 3)), Grid((3, 2)))
    (True, False)
    """
    return (
        image.shape == other.shape
        and close(image.affine, other.affine)
        and close(image.spacing_mm, other.spacing_mm)
    )


def close(
    one: NDArray[np.float64] | tuple[float, ...] | None,
    other: NDArray[np.float64] | tuple[float, ...] | None,
) -> bool:
    """Return whether two affines or spacings agree within 0.001 mm, or one is not known."""
    if one is None or other is None:
        return True
    one, other = np.asarray(one), np.asarray(other)
    # Written so that a NaN in either is refused too.
    return one.shape == other.shape and bool(np.abs(one - other).max(initial=0.0) <= TOLERANCE_MM)


def check_same_grid(
    image: Grid, other: Grid, name: str, case_id: str | None = None, *, or_else: str = ""
) -> None:
    """Refuse a mask or reference that does not lie on the image's grid, and name the mistake.

    Parameters
    ----------
    image, other : Grid
    name : str
        What `other` is the grid of: "a mask", "a reference", "probabilities", ...
    case_id : str, optional
        Named in the error.
    or_else : str
        A further remedy that only the caller can know.

    Raises
    ------
    GeometryError
        If `same_grid` is false. It says which mistake explains the difference: axes swapped,
        flipped, LPS written as RAS, another spacing, a shift, a rotation, slices missing.

    Notes
    -----
    Guarantee: none; grids that agree may hold arrays that do not.

    Examples
    --------
    >>> check_same_grid(Grid((2, 3, 4)), Grid((4, 3, 2)), "a mask", "c17")
    Traceback (most recent call last):
    ...
    segqc_conformal.errors.GeometryError: case c17: expected a mask of the image's shape...
    """
    if same_grid(image, other):
        return
    from segqc_conformal.geometry_mistakes import named_mistake

    mistake = named_mistake(image, other, name)
    remedy = f"{mistake.remedy}, or {or_else}" if or_else else mistake.remedy
    raise GeometryError(f"{name} {_wanted(image, other)}", mistake.words, remedy, case_id)


def _wanted(image: Grid, other: Grid) -> str:
    if image.shape != other.shape:
        return f"of the image's shape {image.shape}"
    if image.affine is None or other.affine is None:
        return "with the image's spacing"
    return "with the image's affine"


def spacing_in_words(spacing_mm: tuple[float, ...]) -> str:
    """Return a voxel size as it is read.

    Examples
    --------
    >>> spacing_in_words((1.0, 1.0, 2.5))
    '1 x 1 x 2.5 mm'
    """
    return " x ".join(f"{step:.6g}" for step in spacing_mm) + " mm"


def default_affine(spacing_mm: tuple[float, ...]) -> NDArray[np.float64]:
    """Return the affine that is written where only a voxel size of 2 or 3 axes is known.

    Examples
    --------
    >>> default_affine((1.0, 2.0)).diagonal().tolist()
    [1.0, 2.0, 1.0, 1.0]
    """
    return np.diag([*(*spacing_mm, 1.0)[:3], 1.0])


def world_axes(affine: NDArray[np.float64]) -> tuple[int, ...]:
    """Return the world axis (0 = x) that each of three voxel axes lies closest to, each used once.

    Examples
    --------
    >>> world_axes(np.eye(4)[:, [2, 0, 1, 3]])
    (2, 0, 1)
    """
    along = np.abs(affine[:3, :3]) / np.linalg.norm(affine[:3, :3], axis=0)
    return max(permutations(range(3)), key=lambda order: float(sum(along[order, range(3)])))


def orientation(affine: NDArray[np.float64]) -> str:
    """Return where each voxel axis points: R or L, A or P, S or I.

    Examples
    --------
    >>> orientation(np.diag([-1.0, -1.0, 2.5, 1.0]))
    'LPS'
    """
    letters = ("LR", "PA", "IS")
    signs = [affine[world, axis] > 0 for axis, world in enumerate(world_axes(affine))]
    return "".join(
        letters[world][int(positive)]
        for world, positive in zip(world_axes(affine), signs, strict=True)
    )
