"""What is kept of a case after it was read, to compare it with the others."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from segqc_conformal.case import Case, in_structure
from segqc_conformal.geometry import orientation, world_axes

__all__ = ["SeenCase", "given_masks"]

FOREGROUND = "foreground"


@dataclass(frozen=True)
class SeenCase:
    """What is kept of a case: a few numbers, no voxel.

    Parameters
    ----------
    case_id, patient_id, site : str
    spacing : tuple of float
        mm.
    orientation : str or None
        Such as "RAS"; None without an affine.
    image_digest : str or None
        Hash of the voxels; None where there is no image.
    extents_mm : dict of (str, str) to tuple of float
        (mask, structure) -> size of its bounding box along left-right, anterior-posterior and
        inferior-superior (axes of the array where nothing says which they are).
    same_masks : bool or None
        Whether deployed and reference mask are equal; None unless both are given and hold
        something.

    Notes
    -----
    Guarantee: none.
    """

    case_id: str
    patient_id: str
    site: str
    spacing: tuple[float, ...]
    orientation: str | None
    image_digest: str | None
    extents_mm: dict[tuple[str, str], tuple[float, ...]]
    same_masks: bool | None

    @classmethod
    def of(cls, case: Case, structures: Mapping[str, int], has_image: bool) -> SeenCase:
        """Keep what is needed of a case that was read."""
        return cls(
            case.case_id,
            case.patient_id,
            case.site,
            case.spacing,
            None if case.affine is None else orientation(case.affine)[: len(case.spatial_shape)],
            _digest(case.image) if has_image else None,
            dict(_extents(case, structures)),
            _same_masks(case),
        )


def given_masks(case: Case) -> Iterator[tuple[str, NDArray[Any]]]:
    """Yield the masks that a case has, with their names."""
    for name, mask in (("deployed mask", case.mask), ("reference mask", case.reference)):
        if mask is not None:
            yield name, mask


def _same_masks(case: Case) -> bool | None:
    if case.mask is None or case.reference is None or not case.reference.any():
        return None
    return np.array_equal(case.mask, case.reference)


def _digest(image: NDArray[Any]) -> str:
    digest = hashlib.sha256(f"{image.dtype.kind}{image.shape}".encode())
    digest.update(np.ascontiguousarray(image).tobytes())
    return digest.hexdigest()


def _extents(
    case: Case, structures: Mapping[str, int]
) -> Iterator[tuple[tuple[str, str], tuple[float, ...]]]:
    axes = len(case.spatial_shape)
    order = range(axes) if case.affine is None or axes != 3 else world_axes(case.affine)
    for mask_name, mask in given_masks(case):
        parts = {name: in_structure(mask, label, axes) for name, label in structures.items()}
        for name, voxels in (parts or {FOREGROUND: _foreground(mask, axes)}).items():
            if voxels.any():
                sizes = np.array([np.ptp(places) + 1 for places in np.nonzero(voxels)])
                along = dict(zip(order, sizes * case.spacing, strict=True))
                extents = tuple(float(along[axis]) for axis in range(axes))
                yield (mask_name, name), extents


def _foreground(mask: NDArray[Any], axes: int) -> NDArray[np.bool_]:
    return np.asarray(mask > 0 if mask.ndim == axes else (mask > 0).any(axis=0))
