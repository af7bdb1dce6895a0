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
from segqc_conformal.calibrators.mask_certificate import CRC, MaskCertificate, MaskTest
from segqc_conformal.calibrators.mask_curve import MaskCurve
from segqc_conformal.calibrators.mask_fdr import fdr_threshold_expected, fdr_threshold_tested
from segqc_conformal.calibrators.mask_fnr import fnr_threshold
from segqc_conformal.calibrators.mask_instances import check_covered_share
from segqc_conformal.calibrators.mask_risk_test import RISK_TESTS, risk_p_value
from segqc_conformal.errors import InputError

__all__ = ["MaskThreshold"]

GRID = (0.999, 0.995, *(round(0.99 - 0.01 * step, 2) for step in range(99)))
RISKS, PROCEDURES = ("fnr", "fdr"), ("fixed sequence", "holm")


@dataclass(frozen=True)
class MaskThreshold:
    """Settings of a certified mask threshold for one structure.

    Parameters
    ----------
    structure : str
        Its name, for the promise. Several structures have promises of their own, not jointly.
    risk : {"fnr", "fdr"}, default "fnr"
        Share of the reference that is missed, or share of the mask that is false, per patient;
        what empty masks count as stands in `calibrators.mask_curve`.
    tolerated : float, default 0.1
        alpha in (0, 1).
    confidence : float, optional
        1 - delta in (0, 1), over the calibration draw; None: a promise about the expectation.
    covered_share : float, optional
        FNR of connected parts instead of voxels: the share the curves were made with.
    failed_above : float, optional
        In [0, 1): a patient's loss is then 1 where the share exceeds this, else 0.
    risk_test : {"betting", "hoeffding-bentkus"}, default "betting"
        P-value used with `confidence`; with `failed_above` it is the exact binomial one.
    grid : tuple of float
        FDR only: thresholds in (0, 1], falling, fixed before calibration.
    procedure : {"fixed sequence", "holm"}
        FDR with confidence: from strict to loose until one fails, or all, delta shared.

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
    a promise about those who have the structure.
    Source: Angelopoulos et al., Conformal Risk Control (ICLR 2024), Theorem 1; Bates et al.,
    J. ACM 68 (2021), Theorem 1; Angelopoulos et al., Learn then Test, Ann. Appl. Stat. 19
    (2025), fixed sequence and Holm.

    Examples
    --------
    >>> from segqc_conformal.calibrators.mask_curve import mask_curve
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
    failed_above: float | None = None
    risk_test: str = "betting"
    grid: tuple[float, ...] = GRID
    procedure: str = "fixed sequence"

    def __post_init__(self) -> None:
        """Check the settings, and refuse by name what has no theorem."""
        check_open_unit(tolerated=self.tolerated, confidence=self.confidence)
        check_covered_share(self.covered_share)
        for name, value, known in (
            ("risk", self.risk, RISKS),
            ("risk_test", self.risk_test, RISK_TESTS[:2]),
            ("procedure", self.procedure, PROCEDURES),
        ):
            if value not in known:
                raise InputError(f"{name} one of {known}", repr(value), "choose one of them")
        if self.failed_above is not None and not 0.0 <= self.failed_above < 1.0:
            raise InputError("failed_above in [0, 1)", self.failed_above, "give a share")
        if self.risk == "fdr" and self.covered_share is not None:
            raise InputError(
                'risk="fnr" with covered_share',
                'risk="fdr"',
                "the connected parts of a mask change with its threshold: bound voxels instead",
            )
        if self.procedure == "holm" and (self.risk == "fnr" or self.confidence is None):
            raise InputError(
                'procedure="holm" with risk="fdr" and a confidence only',
                f'risk="{self.risk}", confidence={self.confidence}',
                "leave it out: nothing else tests a grid",
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
        rows = None if patients is None else np.asarray(patients)
        kept = self._kept(curves, rows)
        if self.risk == "fnr":
            certified = fnr_threshold(kept, self.tolerated, self._rejects, self.failed_above)
            empty = sum(inside.size == 0 for inside in kept)
            return self._certificate(len(kept), *certified, empty_references=empty)
        losses = np.array(kept, dtype=np.float64).reshape(len(kept), len(self.grid))
        if self.confidence is None:
            certified = fdr_threshold_expected(losses, self.grid, self.tolerated)
            return self._certificate(len(kept), *certified)
        threshold, tests = fdr_threshold_tested(
            losses, self.grid, self._p_value, delta_of(self.confidence), self.procedure
        )
        mean = next((test.mean_loss for test in tests if test.threshold == threshold), None)
        return self._certificate(len(kept), threshold, mean, tests)

    def _kept(
        self, curves: Iterable[MaskCurve], patients: NDArray[Any] | None
    ) -> list[NDArray[np.floating[Any]]]:
        """Return what the risk needs of the first case of each patient."""
        counts = None
        if patients is not None:
            counts = set(first_row_of_each_patient(patients, patients.size).tolist())
        kept, cases = [], 0
        for curve in curves:
            if self.risk == "fnr" and curve.covered_share != self.covered_share:
                raise InputError(
                    f"curves with covered_share {self.covered_share}",
                    curve.covered_share,
                    "make them by mask_curve for voxels, by instance_curve for connected parts",
                )
            if counts is None or cases in counts:
                kept.append(curve.inside if self.risk == "fnr" else self._fdr_losses(curve))
            cases += 1
        if patients is not None and patients.size != cases:
            raise InputError(f"{cases} patients, one per curve", patients.size, "one id per case")
        return kept

    def _fdr_losses(self, curve: MaskCurve) -> NDArray[np.float64]:
        shares = curve.fdr(self.grid)
        if self.failed_above is None:
            return shares
        return np.asarray(shares > self.failed_above, dtype=np.float64)

    @property
    def _method(self) -> str:
        if self.confidence is None:
            return CRC
        return self.risk_test if self.failed_above is None else "binomial"

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
    ) -> MaskCertificate:
        return MaskCertificate(
            structure=self.structure,
            risk=self.risk,
            tolerated=self.tolerated,
            confidence=self.confidence,
            covered_share=self.covered_share,
            failed_above=self.failed_above,
            method=self._method,
            patients=patients,
            threshold=threshold,
            mean_loss=mean_loss,
            tests=tests,
            empty_references=empty_references,
            procedure=self.procedure,
        )
