"""The connected regions in which a candidate refined mask differs from the judged mask."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import permutations
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from segqc_conformal.case import check_structures
from segqc_conformal.errors import GeometryError, InputError

__all__ = ["BACKGROUND", "DifferingRegions", "differing_regions", "structure_codes"]

BACKGROUND = "background"  # what a voxel of no structure is called


class DifferingRegions(NamedTuple):
    """Regions 1, 2, ...: ``numbers`` ``(*spatial)`` is 0 where the masks agree.

    ``changes`` holds, for each region, the codes of `structure_codes` before and after; ``names``
    says what a code is called.
    """

    numbers: NDArray[np.intp]
    changes: NDArray[np.intp]
    names: tuple[str, ...]


def differing_regions(
    mask: NDArray[Any],
    refined: NDArray[Any],
    structures: Mapping[str, int],
    case_id: str | None = None,
) -> DifferingRegions:
    """Find the connected regions that a refined mask would change, each from one name to another.

    Parameters
    ----------
    mask, refined : ndarray of int, shape ``(*spatial)``
        Label maps: the judged mask and the candidate, from any tool.
    structures : mapping of str to int
        Structure name -> label; every other label counts as background.
    case_id : str, optional
        Named in errors.

    Returns
    -------
    DifferingRegions
        A region is a largest set of voxels, connected by faces (4 neighbours in 2-D, 6 in 3-D),
        which the judged mask all calls the same and the refined mask all calls the same, something
        else: added (from background), removed (to background), or handed from one structure to
        another. So any choice of regions gives a label map. Numbered by change, then in scan order.

    Raises
    ------
    InputError, GeometryError
        For masks that are no label maps, or of different shapes.

    Notes
    -----
    Guarantee: none. Overlapping structures (a stack of regions) are taken one at a time, each as a
    mask of its own.

    Examples
    --------
    >>> found = differing_regions(np.array([1, 1, 0, 2]), np.array([1, 0, 1, 1]), {"a": 1, "b": 2})
    >>> found.numbers.tolist(), [[found.names[code] for code in change] for change in found.changes]
    ([0, 2, 1, 3], [['background', 'a'], ['a', 'background'], ['b', 'a']])
    """
    before, after = (structure_codes(each, structures, case_id) for each in (mask, refined))
    if before.shape != after.shape:
        raise GeometryError(
            f"a refined mask of the judged mask's shape {before.shape}",
            after.shape,
            "resample the refined mask to the grid of the judged mask",
            case_id,
        )
    names = (BACKGROUND, *structures)
    numbers = np.zeros(before.shape, dtype=np.intp)
    changes: list[tuple[int, int]] = []
    for change in permutations(range(len(names)), 2):
        where = (before == change[0]) & (after == change[1])
        if where.any():
            labels, count = ndimage.label(where)
            numbers[where] = labels[where] + len(changes)
            changes += [change] * count
    return DifferingRegions(numbers, np.array(changes, dtype=np.intp).reshape(-1, 2), names)


def structure_codes(
    mask: NDArray[Any], structures: Mapping[str, int], case_id: str | None = None
) -> NDArray[np.intp]:
    """Return, voxel by voxel, 0 for background and k for the k-th structure.

    Raises
    ------
    InputError
        For a mask that is not of whole numbers.

    Examples
    --------
    >>> structure_codes(np.array([0, 7, 3]), {"a": 3, "b": 7}).tolist()
    [0, 2, 1]
    """
    labels = np.asarray(mask)
    if labels.dtype.kind not in "iub" or labels.ndim == 0:
        raise InputError(
            "a label map of whole numbers",
            f"dtype {labels.dtype}, shape {labels.shape}",
            "give the label of each voxel, not its probability",
            case_id,
        )
    codes = np.zeros(labels.shape, dtype=np.intp)
    for code, label in enumerate(check_structures(structures).values(), start=1):
        codes[labels == label] = code
    return codes
