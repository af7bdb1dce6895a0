"""Where a judged mask is wrong, and where it is wrong beyond what a reader would tolerate."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from segqc_conformal.measures.distance import distance_inside, distance_to

__all__ = ["intolerable_errors"]


def intolerable_errors(
    mask: NDArray[np.bool_],
    reference: NDArray[np.bool_],
    spacing_mm: tuple[float, ...],
    outside_mm: float,
    inside_mm: float,
    smallest: int,
) -> NDArray[np.bool_]:
    """Return the errors of a mask that lie too far from the reference's surface and hang together.

    Parameters
    ----------
    mask, reference : ndarray of bool, shape ``(*spatial)``
    spacing_mm : tuple of float
    outside_mm : float
        A voxel of the mask outside the reference is an error if it is farther than this from it.
    inside_mm : float
        A voxel of the reference that the mask lacks is an error if it is farther than this from the
        outside of the reference.
    smallest : int
        Errors that hang together (by faces) in fewer voxels are tolerated.

    Returns
    -------
    ndarray of bool, shape ``(*spatial)``
        Of an empty reference, every voxel of the mask lies too far.

    Notes
    -----
    Guarantee: none (geometry). Distances are between voxel centres. Source: Sander et al., Sci.
    Rep. 10 (2020) 21769, whose code has 4.6 mm outside, 3.1 mm inside and 10 voxels.

    Examples
    --------
    >>> mask = np.array([0, 1, 1, 0, 1, 1], bool)
    >>> reference = np.array([0, 1, 0, 0, 0, 0], bool)
    >>> intolerable_errors(mask, reference, (1.0,), 1.0, 1.0, 2).astype(int).tolist()
    [0, 0, 0, 0, 1, 1]
    """
    far = distance_to(reference, spacing_mm) > outside_mm if reference.any() else mask
    deep = distance_inside(reference, spacing_mm) > inside_mm
    wrong = (mask & ~reference & far) | (reference & ~mask & deep)
    parts, _ = ndimage.label(wrong)
    large = np.bincount(parts.ravel()) >= smallest
    large[0] = False
    return np.asarray(large[parts])
