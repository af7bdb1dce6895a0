"""What heads need of a case's reference: masks of each structure, and the refusal without one."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from segqc_conformal.case import in_structure
from segqc_conformal.errors import InputError
from segqc_conformal.quality.net.head import SeenCase

__all__ = ["reference_and_mask"]


def reference_and_mask(seen: SeenCase) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """Return reference and judged mask of each structure, each ``(structures, *spatial)``.

    Raises
    ------
    InputError
        If the case has no judged mask, or no reference mask.
    """
    case = seen.case
    if case.mask is None or case.reference is None:
        raise InputError(
            "a case with a judged mask and a reference mask",
            f"mask={'given' if case.mask is not None else None}, "
            f"reference={'given' if case.reference is not None else None}",
            "leave the case out of training, or give both",
            case.case_id,
        )
    axes = len(case.spatial_shape)
    both = [
        np.stack([in_structure(labels, label, axes) for label in seen.structures.values()])
        for labels in (case.reference, case.mask)
    ]
    return both[0], both[1]
