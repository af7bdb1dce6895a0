"""Judged and reference mask of a case, structure by structure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from segqc_conformal.case import in_structure
from segqc_conformal.errors import InputError
from segqc_conformal.quality.net.quality_case import QualityCase

__all__ = ["reference_masks", "structure_masks"]


def structure_masks(case: QualityCase, structures: Mapping[str, int]) -> NDArray[np.bool_]:
    """Return the judged mask of each structure, ``(structures, *spatial)``.

    Raises
    ------
    InputError
        If the case has no judged mask.
    """
    if case.mask is None:
        raise InputError(
            "a case with a judged mask", "none", "give QualityCase(mask=...)", case.case_id
        )
    return _masks(case.mask, case, structures)


def reference_masks(case: QualityCase, structures: Mapping[str, int]) -> NDArray[np.bool_]:
    """Return the reference mask of each structure, ``(structures, *spatial)``.

    Raises
    ------
    InputError
        If the case has no reference mask.
    """
    if case.reference is None:
        raise InputError(
            "a case with a reference mask to learn from",
            "none",
            "give QualityCase(reference=...), or leave the case out of training",
            case.case_id,
        )
    return _masks(case.reference, case, structures)


def _masks(
    labels: NDArray[Any], case: QualityCase, structures: Mapping[str, int]
) -> NDArray[np.bool_]:
    axes = len(case.spatial_shape)
    return np.stack([in_structure(labels, label, axes) for label in structures.values()])
