"""What every kind of corruption starts from, and the path it goes from there."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import wraps

import numpy as np
from numpy.typing import NDArray

from segqc_conformal.case import Case, in_structure
from segqc_conformal.errors import InputError

__all__ = ["Kind", "MaskPath", "Masks", "ReferenceMasks", "masks_of", "near_structures", "side_mm"]

Masks = NDArray[np.bool_]
MaskPath = Callable[[float], Masks]
Kind = Callable[["ReferenceMasks", np.random.Generator], MaskPath]


@dataclass(frozen=True, eq=False)
class ReferenceMasks:
    """The reference masks of the structures that are corrupted together.

    A kind of corruption is a function ``(ReferenceMasks, rng) -> path``, and a path a function
    ``strength in [0, 1] -> masks``: all its randomness is drawn once, so that masks change little
    where strength does, and a wanted Dice is found by bisection.

    Parameters
    ----------
    masks : ndarray of bool, shape ``(structures, *spatial)``
    spacing_mm : tuple of float
        Voxel size along each spatial axis.
    case : Case, optional
        Where the masks come from; kinds that run a model need its image.
    labels : tuple of int
        The label of each structure in `case`.

    Notes
    -----
    Guarantee: none. At strength 0 every path of this package gives the masks themselves; only kinds
    that run a model put anything into an empty structure.

    Examples
    --------
    >>> from segqc_conformal.corruption.morphology import erosion
    >>> reference = ReferenceMasks(np.array([[False, True, True, True, False]]), (1.0,))
    >>> path = erosion(reference, np.random.default_rng(0))
    >>> [int(path(strength).sum()) for strength in (0.0, 1.0)]
    [3, 0]
    """

    masks: Masks
    spacing_mm: tuple[float, ...]
    case: Case | None = None
    labels: tuple[int, ...] = ()

    @property
    def union(self) -> Masks:
        """Where any of the structures is, shape ``(*spatial)``."""
        return np.asarray(self.masks.any(axis=0))


def masks_of(case: Case, structures: Mapping[str, int]) -> ReferenceMasks:
    """Take the masks of some structures out of a case.

    Raises
    ------
    InputError
        If the case has no reference mask, or no grid: elements of a mesh have no neighbours here.
    """
    if case.element_weights is not None:
        raise InputError(
            "a case on a grid", "one of elements", "leave meshes out of corruption", case.case_id
        )
    if case.reference is None:
        raise InputError(
            "a reference mask to corrupt", "none", "leave the case out, or add one", case.case_id
        )
    axes, labels = len(case.spatial_shape), tuple(structures.values())
    masks = np.stack([in_structure(case.reference, label, axes) for label in labels])
    return ReferenceMasks(masks, case.spacing, case, labels)


def side_mm(mask: Masks, spacing_mm: tuple[float, ...]) -> float:
    """Return the side of the cube (square) that is as large as a mask.

    Examples
    --------
    >>> side_mm(np.ones((2, 2, 1), dtype=bool), (1.0, 1.0, 2.0))
    2.0
    """
    return float((np.count_nonzero(mask) * np.prod(spacing_mm)) ** (1.0 / mask.ndim))


def near_structures(kind: Kind) -> Kind:
    """Let a kind see only where the structures are, and as far again on each side."""

    @wraps(kind)
    def near(reference: ReferenceMasks, rng: np.random.Generator) -> MaskPath:
        if not reference.masks.any():
            return lambda strength: reference.masks
        box = (slice(None), *_box(reference.union))
        path = kind(replace(reference, masks=reference.masks[box]), rng)

        def corrupted(strength: float) -> Masks:
            masks = reference.masks.copy()
            masks[box] = path(strength)
            return masks

        return corrupted

    return near


def _box(mask: Masks) -> list[slice]:
    box = []
    for axis in range(mask.ndim):
        others = tuple(other for other in range(mask.ndim) if other != axis)
        held = np.flatnonzero(np.any(mask, axis=others)).tolist()
        first, last = held[0], held[-1]
        length = last - first + 1
        box.append(slice(max(first - length, 0), last + 1 + length))
    return box
