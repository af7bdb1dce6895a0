"""Mask thresholds with a bounded share of missed or falsely marked voxels, over patients."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from segqc_conformal.calibrators.checks import (
    check_open_unit,
    delta_of,
    finite_array,
    first_row_of_each_patient,
)
from segqc_conformal.calibrators.masks.certificate import CRC, MaskCertificate, MaskTest
from segqc_conformal.calibrators.masks.curve import MaskCurve
from segqc_conformal.calibrators.masks.fdr import fdr_threshold_expected, fdr_threshold_tested
from segqc_conformal.calibrators.masks.fnr import fnr_threshold
from segqc_conformal.calibrators.masks.instances import check_covered_share
from segqc_conformal.calibrators.masks.risk_test import RISK_TESTS, risk_p_value
from segqc_conformal.errors import InputError

__all__ = ["MaskThreshold"]

GRID = (0.999, 0.995, *(round(0.99 - 0.01 * step, 2) for step in range(99)))
RISKS = ("fnr", "fdr")


@dataclass(frozen=True)
class MaskThreshold:
    """Settings of a certified mask threshold for one structure.

    Parameters
    ----------
    structure : str
        Its name, for the promise. Several structures have promises of their own, not jointly.
    risk : {"fnr", "fdr"}, default "fnr"
        Share of the reference that is missed, or share of the mask that is false, per patient;
        what empty masks count as stands in `calibrators.masks.curve`.
    tolerated : float, default 0.1
        alpha in (0, 1).
    confidence : float, optional
        1 - delta in (0, 1), over the calibration draw; None: a promise about the expectation.
    covered_share : float, optional
        FNR of connected parts instead of voxels: the share the curves were made with.
    risk_test : {"betting", "hoeffding-bentkus"}, default "betting"
        P-value used with `confidence`.
    grid : tuple of float
        FDR only: thresholds in (0, 1], falling, fixed before calibration. With confidence they
        are tested from strict to loose until one fails.

    Notes
    -----
    Guarantee: with L(t) a patient's loss at threshold t and t* the certified one,
    FNR, expectation: E[L(t*)] <= alpha over calibration draw and new patient, for exchangeable
    patients (conformal risk control, exact at every threshold). FNR, confidence: with probability
    >= 1 - delta over the calibration draw, E[L(t*) given the calibration] <= alpha, for
    independent, identically distributed patients. FDR, confidence: the same, by tests over the
    grid. FDR, expectation: conformal risk control on the largest L over this and all stricter
    grid thresholds, because the FDR itself is not monotone and has no such theorem. Nothing is
    promised per image, per voxel or for several structures at once.
    A patient whose reference is empty misses nothing and counts as 0; leave such patients out for
    a promise about those who have the structure. A patient whose mask is empty marks nothing
    falsely and counts as 0; the promise says how many do.
    Source: Angelopoulos et al., Conformal Risk Control (ICLR 2024), Theorem 1; Bates et al.,
    J. ACM 68 (2021), Theorem 1; Angelopoulos et al., Learn then Test, Ann. Appl. Stat. 19
    (2025), fixed sequence.

    Examples
    --------
    >>> from segqc_conformal.calibrators.masks.curve import mask_curve
    >>> rng = np.random.default_rng(0)
    >>> cases = [(rng.random((9, 9)), rng.random((9, 9)) < 0.3) for _ in range(40)]
    >>> curves = (mask_curve(probabilities, reference) for probabilities, reference in cases)
    >>> certificate = MaskThreshold("liver").calibrate(curves)
    >>> round(certificate.threshold, 3), round(certificate.mean_loss, 3)
    (0.075, 0.077)
    """

    structure: str
    risk: str = "fnr"
    tolerated: float = 0.1
    confidence: float | None = None
    covered_share: float | None = None
    risk_test: str = "betting"
    grid: tuple[float, ...] = GRID

    def __post_init__(self) -> None:
        """Check the settings, and refuse by name what has no theorem."""
        check_open_unit(tolerated=self.tolerated, confidence=self.confidence)
        check_covered_share(self.covered_share)
        for name, value, known in (
            ("risk", self.risk, RISKS),
            ("risk_test", self.risk_test, RISK_TESTS),
        ):
            if value not in known:
                raise InputError(f"{name} one of {known}", repr(value), "choose one of them")
        if self.risk == "fdr" and self.covered_share is not None:
            raise InputError(
                'risk="fnr" with covered_share',
                'risk="fdr"',
                "the connected parts of a mask change with its threshold: bound voxels instead",
            )
        grid = finite_array("grid", self.grid, low=np.finfo(np.float64).tiny, high=1.0)
        if grid.size == 0 or (np.diff(grid) >= 0).any():
            raise InputError("a falling grid", self.grid, "sort it from strict to loose")
        object.__setattr__(self, "grid", tuple(grid.tolist()))

    def calibrate(
        self, curves: Iterable[MaskCurve], patients: ArrayLike | None = None
    ) -> MaskCertificate:
        """Choose the threshold from the curves of labelled cases.

        Parameters
        ----------
        curves : iterable of MaskCurve
            One per case, from `mask_curve` (or `instance_curve`); a generator is read case by
            case, and only what the risk needs is kept.
        patients : array_like, shape (cases,), optional
            Patient of each case; the first case of each patient counts, so sort by time. None:
            every case is its own patient.

        Returns
        -------
        MaskCertificate

        Raises
        ------
        InputError
            For curves that count other things than the settings say, and unequal lengths.
            "Nothing can be certified" is a result, not an error.
        """
        kept = self._kept(curves, None if patients is None else np.asarray(patients))
        if self.risk == "fnr":
            certified = fnr_threshold(kept, self.tolerated, self._rejects)
            empty = sum(inside.size == 0 for inside in kept)
            return self._certificate(len(kept), *certified, empty_references=empty)
        counts = np.array(kept, dtype=np.intp).reshape(len(kept), 2, len(self.grid))
        return self._fdr_certificate(counts[:, 0], counts[:, 1])

    def _fdr_certificate(
        self, false: NDArray[np.intp], marked: NDArray[np.intp]
    ) -> MaskCertificate:
        tests: tuple[MaskTest, ...] = ()
        if self.confidence is None:
            threshold = fdr_threshold_expected(false, marked, self.grid, self.tolerated)
        else:
            threshold, tests = fdr_threshold_tested(
                false, marked, self.grid, self._p_value, delta_of(self.confidence)
            )
        if threshold is None:
            return self._certificate(len(marked), None, None, tests)
        at = self.grid.index(threshold)
        mean = float((false[:, at] / np.maximum(marked[:, at], 1)).mean())
        empty = int((marked[:, at] == 0).sum())
        return self._certificate(len(marked), threshold, mean, tests, empty_masks=empty)

    def _kept(
        self, curves: Iterable[MaskCurve], patients: NDArray[Any] | None
    ) -> list[NDArray[Any]]:
        """Return what the risk needs of the first case of each patient."""
        counts = None
        if patients is not None:
            counts = set(first_row_of_each_patient(patients, patients.size).tolist())
        kept, cases, fnr = [], 0, self.risk == "fnr"
        for curve in curves:
            if fnr and curve.covered_share != self.covered_share:
                raise InputError(
                    f"curves with covered_share {self.covered_share}",
                    curve.covered_share,
                    "make them by mask_curve for voxels, by instance_curve for connected parts",
                )
            if counts is None or cases in counts:
                kept.append(curve.inside if fnr else np.array(curve.false_and_marked(self.grid)))
            cases += 1
        if patients is not None and patients.size != cases:
            raise InputError(f"{cases} patients, one per curve", patients.size, "one id per case")
        return kept

    @property
    def _method(self) -> str:
        return CRC if self.confidence is None else self.risk_test

    def _p_value(self, losses: NDArray[np.float64]) -> float:
        return risk_p_value(self._method, losses, self.tolerated)

    @property
    def _rejects(self) -> Callable[[NDArray[np.float64]], bool] | None:
        if self.confidence is None:
            return None
        delta = delta_of(self.confidence)
        return lambda losses: self._p_value(losses) <= delta

    def _certificate(
        self,
        patients: int,
        threshold: float | None,
        mean_loss: float | None,
        tests: tuple[MaskTest, ...] = (),
        empty_references: int = 0,
        empty_masks: int = 0,
    ) -> MaskCertificate:
        return MaskCertificate(
            structure=self.structure,
            risk=self.risk,
            tolerated=self.tolerated,
            confidence=self.confidence,
            covered_share=self.covered_share,
            method=self._method,
            patients=patients,
            threshold=threshold,
            mean_loss=mean_loss,
            tests=tests,
            empty_references=empty_references,
            empty_masks=empty_masks,
        )
