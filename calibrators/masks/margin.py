"""A margin in mm around a mask that covers the reference; it needs no probabilities."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from fractions import Fraction

import numpy as np
from numpy.typing import ArrayLike, NDArray

from segqc_conformal.calibrators.checks import check_open_unit, first_row_of_each_patient
from segqc_conformal.calibrators.conformal_rank import conformal_quantile
from segqc_conformal.calibrators.masks.depth import check_mask, depth_inside, distance_to
from segqc_conformal.calibrators.masks.margin_certificate import MarginCertificate
from segqc_conformal.errors import InputError

__all__ = ["MaskMargin", "inner_margin", "outer_margin"]

MARGIN_SIDES = ("both", "outer", "inner")
Mask = NDArray[np.bool_]


@dataclass(frozen=True)
class MaskMargin:
    """Settings of a certified margin: how far to grow and shrink the masks of one structure.

    Parameters
    ----------
    structure : str
        Its name, for the promise.
    miscoverage : float, default 0.1
        alpha in (0, 1): allowed share of patients beyond the margin.
    tolerated : float, default 0.0
        In [0, 1): share of the reference that may lie outside the grown mask, and of the shrunk
        mask outside the reference; 0: not one voxel.
    side : {"both", "outer", "inner"}, default "both"
        "both" holds for the two masks at once, by one margin.
    confidence : float, optional
        1 - delta in (0, 1) for a PAC margin; None for a marginal one.

    Notes
    -----
    Guarantee: marginal, P(both shares of a new patient <= `tolerated`) >= 1 - alpha over
    calibration draw and new patient, for exchangeable patients; PAC: the same with probability
    >= 1 - delta over the calibration draw, for independent, identically distributed patients.
    With tolerated = 0 and both sides the border of the reference then lies between the two masks.
    Not promised: per patient, per voxel, for several structures at once.
    Source: split conformal (Papadopoulos et al., Inductive Confidence Machines, ECML 2002) on the
    smallest margin that does, which for "outer" is the method of Mossina and Friedrich, Conformal
    prediction for image segmentation using morphological prediction sets (MICCAI 2025, arXiv
    2503.05618); "inner" and "both" are not in that paper. PAC: Vovk (ACML 2012), Prop. 2a.

    Examples
    --------
    >>> mask = np.array([0, 0, 1, 1, 1, 0, 0, 0]) > 0
    >>> references = [np.roll(mask, shift) for shift in (0, 0, 1, 0, 1, 0, 1, 0, 2)]
    >>> certificate = MaskMargin("disc").calibrate([mask] * 9, references, [(0.5,)] * 9)
    >>> certificate.margin_mm, int(certificate.outer(mask, (0.5,)).sum())
    (1.0, 7)
    """

    structure: str
    miscoverage: float = 0.1
    tolerated: float = 0.0
    side: str = "both"
    confidence: float | None = None

    def __post_init__(self) -> None:
        """Check the settings."""
        check_open_unit(miscoverage=self.miscoverage, confidence=self.confidence)
        if not 0.0 <= self.tolerated < 1.0:
            raise InputError("tolerated in [0, 1)", self.tolerated, "give a share of the voxels")
        if self.side not in MARGIN_SIDES:
            raise InputError(f"side one of {MARGIN_SIDES}", repr(self.side), "choose one of them")

    def calibrate(
        self,
        masks: Iterable[Mask],
        references: Iterable[Mask],
        spacings_mm: Iterable[Sequence[float]],
        patients: ArrayLike | None = None,
    ) -> MarginCertificate:
        """Calibrate on labelled cases, read one at a time.

        Parameters
        ----------
        masks, references : iterable of ndarray of bool, shape ``(*spatial)`` each
            Mask and reference mask of each case; generators are read case by case.
        spacings_mm : iterable of sequence of float
            Voxel size of each case along each axis, mm.
        patients : array_like, shape (cases,), optional
            Patient of each case; the first case of each patient counts, so sort by time. None:
            every case is its own patient.

        Returns
        -------
        MarginCertificate

        Raises
        ------
        InputError
            For masks or spacings that cannot be used, and unequal lengths. Too few patients do
            not raise: no margin is then certified.
        """
        ids = None if patients is None else np.asarray(patients)
        rows = None if ids is None else set(first_row_of_each_patient(ids, ids.size).tolist())
        margins, cases = [], 0
        for mask, reference, spacing in zip(masks, references, spacings_mm, strict=True):
            check_mask(mask, spacing, reference, cases)
            if rows is None or cases in rows:
                margins.append(self._nonconformity(mask, reference, spacing))
            cases += 1
        if ids is not None and ids.size != cases:
            raise InputError(f"{cases} patients, one per case", ids.size, "pass one id per case")
        return self._certificate(np.array(margins, dtype=np.float64))

    def _certificate(self, margins: NDArray[np.float64]) -> MarginCertificate:
        margin = conformal_quantile(margins, self.miscoverage, self.confidence)
        return MarginCertificate(
            structure=self.structure,
            side=self.side,
            miscoverage=self.miscoverage,
            tolerated=self.tolerated,
            confidence=self.confidence,
            patients=margins.size,
            margin_mm=margin,
        )

    def _nonconformity(self, mask: Mask, reference: Mask, spacing: Sequence[float]) -> float:
        """Return the smallest margin that does for this case, mm."""
        outer = inner = 0.0
        if self.side != "inner":
            outer = outer_margin(mask, reference, spacing, self.tolerated)
        if self.side != "outer":
            inner = inner_margin(mask, reference, spacing, self.tolerated)
        return max(outer, inner)


def outer_margin(
    mask: Mask, reference: Mask, spacing_mm: Sequence[float], tolerated: float = 0.0
) -> float:
    """Return how far the mask must grow until it misses at most a share of the reference, mm.

    Parameters
    ----------
    mask, reference : ndarray of bool, shape ``(*spatial)``
    spacing_mm : sequence of float
        Voxel size along each axis, mm.
    tolerated : float
        Share of the reference that may stay outside, in [0, 1).

    Returns
    -------
    float
        0 where the reference is empty; infinite where the mask is and the reference is not.

    Notes
    -----
    Guarantee: none (measurement).

    Examples
    --------
    >>> mask, reference = np.array([0, 1, 1, 0, 0]) > 0, np.array([0, 1, 1, 1, 1]) > 0
    >>> outer_margin(mask, reference, (2.0,)), outer_margin(mask, reference, (2.0,), 0.25)
    (4.0, 2.0)
    """
    box = _box(mask | reference)
    distances = np.sort(distance_to(mask[box], spacing_mm)[reference[box]])
    if distances.size == 0:
        return 0.0
    spared = math.floor(Fraction(str(float(tolerated))) * distances.size)
    return float(distances[distances.size - spared - 1])


def inner_margin(
    mask: Mask, reference: Mask, spacing_mm: Sequence[float], tolerated: float = 0.0
) -> float:
    """Return how far the mask must shrink until at most a share of what is left is false, mm.

    The share can rise again as a mask shrinks, so it is this margin from which on it stays low.

    Parameters
    ----------
    mask, reference : ndarray of bool, shape ``(*spatial)``
    spacing_mm : sequence of float
        Voxel size along each axis, mm.
    tolerated : float
        Share of the shrunk mask that may lie outside the reference, in [0, 1).

    Returns
    -------
    float
        0 where the mask is empty; infinite where it fills the image and too much of it is false.

    Notes
    -----
    Guarantee: none (measurement).

    Examples
    --------
    >>> mask, reference = np.array([0, 1, 1, 1, 1, 0]) > 0, np.array([0, 0, 1, 1, 1, 0]) > 0
    >>> inner_margin(mask, reference, (2.0,)), inner_margin(mask, reference, (2.0,), 0.25)
    (2.0, 0.0)
    """
    box = _box(mask, around=1)
    depth = depth_inside(mask[box], spacing_mm)[mask[box]]
    false = ~reference[box][mask[box]]
    levels, level = np.unique(depth, return_inverse=True)
    left = np.cumsum(np.bincount(level, minlength=levels.size)[::-1])[::-1]
    false_left = np.cumsum(np.bincount(level, false, levels.size)[::-1])[::-1]
    too_many = levels[false_left / left > tolerated]
    return float(too_many.max(initial=0.0))


def _box(mask: Mask, around: int = 0) -> tuple[slice, ...]:
    """Return the smallest box that holds the mask: no distance asked for needs more."""
    box = []
    for axis in range(mask.ndim):
        others = tuple(other for other in range(mask.ndim) if other != axis)
        filled = np.flatnonzero(mask.any(axis=others))
        if filled.size == 0:
            return (slice(0, 0),) * mask.ndim
        box.append(slice(max(0, int(filled[0]) - around), int(filled[-1]) + 1 + around))
    return tuple(box)
