"""Missed lesions instead of missed voxels: the curve of the connected parts of a reference."""

from __future__ import annotations

import math
from fractions import Fraction
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from segqc_conformal.calibrators.masks.curve import MaskCurve, check_probabilities
from segqc_conformal.errors import InputError

__all__ = ["check_covered_share", "instance_curve"]


def instance_curve(
    probabilities: NDArray[np.floating[Any]],
    reference: NDArray[np.bool_],
    covered_share: float = 0.5,
) -> MaskCurve:
    """Return at which thresholds each connected part of the reference counts as found.

    Parameters
    ----------
    probabilities : ndarray of float16, float32 or float64, shape ``(*spatial)``
        Probability of one structure in [0, 1].
    reference : ndarray of bool, shape ``(*spatial)``
        Reference mask; its instances are the parts connected by faces.
    covered_share : float
        In (0, 1]: an instance is missed where the mask covers less than this share of it.

    Returns
    -------
    MaskCurve
        Its `fnr` is the share of instances missed. Each patient has one such share, so that the
        patient stays the unit however many instances it has; no instances: 0.

    Notes
    -----
    Guarantee: none (counting).

    Examples
    --------
    >>> reference = np.array([1, 1, 0, 1]) > 0
    >>> curve = instance_curve(np.array([0.9, 0.3, 0.1, 0.6]), reference, covered_share=1.0)
    >>> curve.fnr([0.3, 0.4, 0.7]).tolist()
    [0.0, 0.5, 1.0]
    """
    check_probabilities(probabilities, reference)
    check_covered_share(covered_share)
    labels, count = ndimage.label(reference)
    instance, values = labels[reference], probabilities[reference]
    order = np.lexsort((values, instance))  # ascending probability within each instance
    sizes = np.bincount(instance, minlength=count + 1)[1:]
    last = np.cumsum(sizes)
    share = Fraction(str(float(covered_share)))
    needed = np.array([math.ceil(share * int(size)) for size in sizes], dtype=np.intp)
    # found at threshold t exactly while the `needed`-th largest probability is >= t
    found_up_to = values[order][last - needed]
    return MaskCurve(np.sort(found_up_to), probabilities[:0].ravel(), float(covered_share))


def check_covered_share(covered_share: float | None) -> None:
    """Refuse a share outside (0, 1]; None passes."""
    if covered_share is not None and not 0.0 < covered_share <= 1.0:
        raise InputError("covered_share in (0, 1]", covered_share, "give the share to be covered")
