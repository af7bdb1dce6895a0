"""The whole FNR and FDR curve of one case over thresholds, from one sort of its voxels.

A mask keeps the voxels whose probability is >= the threshold. What is missing or empty, decided
here and nowhere else: **an empty reference misses nothing (FNR 0); an empty mask marks nothing
falsely (FDR 0)**; so a non-empty mask on an empty reference has FDR 1, and an empty mask on a
non-empty reference FNR 1.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from segqc_conformal.errors import GeometryError, InputError

__all__ = ["MaskCurve", "at_least", "check_probabilities", "mask_curve", "rounded_up"]

Floats = NDArray[np.floating[Any]]


@dataclass(frozen=True, eq=False)
class MaskCurve:
    """FNR and FDR of one case at every threshold: what `mask_curve` returns.

    Parameters
    ----------
    inside : ndarray of float, shape (reference voxels or instances,)
        Ascending: the largest threshold at which each voxel (or instance) is still found.
    outside : ndarray of float, shape (other voxels,)
        Ascending probabilities of the voxels that are not in the reference mask.
    covered_share : float or None
        None: voxels are counted. Else connected parts of the reference are (`instance_curve`).
    """

    inside: Floats
    outside: Floats
    covered_share: float | None = None

    def fnr(self, thresholds: ArrayLike) -> NDArray[np.float64]:
        """Return the share of the reference that the mask misses, at each threshold.

        Examples
        --------
        >>> curve = mask_curve(np.array([0.9, 0.6, 0.2, 0.4]), np.array([True, True, True, False]))
        >>> curve.fnr([0.0, 0.2, 0.5, 1.0]).round(3).tolist()
        [0.0, 0.0, 0.333, 1.0]
        """
        missed = _below(self.inside, thresholds)
        return np.asarray(missed / max(self.inside.size, 1))

    def fdr(self, thresholds: ArrayLike) -> NDArray[np.float64]:
        """Return the share of the mask that lies outside the reference, at each threshold.

        Examples
        --------
        >>> curve = mask_curve(np.array([0.9, 0.6, 0.2, 0.4]), np.array([True, True, True, False]))
        >>> curve.fdr([0.0, 0.4, 0.5, 1.0]).round(3).tolist()
        [0.25, 0.333, 0.0, 0.0]
        """
        false, marked = self.false_and_marked(thresholds)
        return np.asarray(false / np.maximum(marked, 1))

    def false_and_marked(self, thresholds: ArrayLike) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
        """Return the voxels of the mask outside the reference, and those of the mask.

        Examples
        --------
        >>> curve = mask_curve(np.array([0.9, 0.6, 0.2, 0.4]), np.array([True, True, True, False]))
        >>> [counts.tolist() for counts in curve.false_and_marked([0.0, 0.5, 1.0])]
        [[1, 0, 0], [4, 2, 0]]
        """
        if self.covered_share is not None:
            raise InputError(
                "a curve of voxels for the FDR",
                "a curve of instances",
                "use mask_curve: connected parts of a mask change with its threshold",
            )
        false = np.asarray(self.outside.size - _below(self.outside, thresholds))
        return false, np.asarray(false + self.inside.size - _below(self.inside, thresholds))


def mask_curve(probabilities: Floats, reference: NDArray[np.bool_]) -> MaskCurve:
    """Sort the voxels of one case once, for its FNR and FDR at every threshold.

    Parameters
    ----------
    probabilities : ndarray of float16, float32 or float64, shape ``(*spatial)``
        Probability of one structure in [0, 1]; any number of dimensions.
    reference : ndarray of bool, shape ``(*spatial)``
        Reference mask of that structure; may be empty.

    Returns
    -------
    MaskCurve
        Exact at every threshold; holds the voxels once, in their own dtype.

    Raises
    ------
    InputError
        For probabilities that are not floats in [0, 1], or a reference that is not boolean.
    GeometryError
        If the shapes differ.

    Notes
    -----
    Guarantee: none (counting).

    Examples
    --------
    >>> curve = mask_curve(np.array([[0.9, 0.6], [0.2, 0.4]]), np.array([[1, 1], [1, 0]]) > 0)
    >>> float(curve.fnr(0.5).round(3)), float(curve.fdr(0.3).round(3))
    (0.333, 0.333)
    """
    check_probabilities(probabilities, reference)
    return MaskCurve(_ascending(probabilities[reference]), _ascending(probabilities[~reference]))


def at_least(values: Floats, threshold: float) -> NDArray[np.bool_]:
    """Return ``values >= threshold`` without rounding the threshold to the dtype of `values`.

    Examples
    --------
    >>> half = np.array([0.1], dtype=np.float16)  # 0.09998
    >>> bool(at_least(half, 0.1)[0]), bool((half >= 0.1)[0])
    (False, True)
    """
    return np.asarray(values >= rounded_up(threshold, values.dtype))


def check_probabilities(probabilities: Floats, reference: NDArray[np.bool_] | None = None) -> None:
    """Refuse what are not probabilities, and a reference of another shape or type."""
    if probabilities.dtype not in (np.float16, np.float32, np.float64):
        raise InputError(
            "probabilities of float16, float32 or float64",
            probabilities.dtype,
            "pass the probabilities of one structure, not labels",
        )
    if probabilities.size:
        low, high = float(probabilities.min()), float(probabilities.max())
        if not (low >= 0.0 and high <= 1.0):
            raise InputError("probabilities in [0, 1]", f"[{low}, {high}]", "pass no logits or NaN")
    if reference is None:
        return
    if reference.dtype != np.bool_:
        raise InputError("a boolean reference", reference.dtype, "pass reference == label")
    if reference.shape != probabilities.shape:
        raise GeometryError(
            f"a reference mask of shape {probabilities.shape}",
            reference.shape,
            "resample the reference mask to the grid of the image",
        )


def _ascending(values: Floats) -> Floats:
    if values.dtype == np.float16:  # few possible values: counting is faster than comparing
        bits = np.abs(values).view(np.uint16)  # abs: minus zero would come last
        counts = np.bincount(bits)
        return np.repeat(np.arange(counts.size, dtype=np.uint16), counts).view(np.float16)
    values.sort()  # a copy already: it came out of a boolean index
    return values


def _below(ascending: Floats, thresholds: ArrayLike) -> NDArray[np.intp]:
    return np.asarray(ascending.searchsorted(rounded_up(thresholds, ascending.dtype)))


def rounded_up(thresholds: ArrayLike, dtype: np.dtype[Any]) -> Floats:
    """Return the smallest number of `dtype` >= each threshold: comparing with it is exact.

    Examples
    --------
    >>> float(rounded_up(0.1, np.dtype(np.float16))) > 0.1
    True
    """
    exact = np.asarray(thresholds, dtype=np.float64)
    near = exact.astype(dtype)
    return np.asarray(np.where(near < exact, np.nextafter(near, dtype.type(np.inf)), near))
