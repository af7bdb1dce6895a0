"""Intervals on Dice that hold with a stated probability."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from segqc_conformal.calibrators.checks import check_open_unit, first_row_of_each_patient
from segqc_conformal.calibrators.conformal_rank import conformal_quantile
from segqc_conformal.calibrators.groups import calibrate_groups
from segqc_conformal.calibrators.interval_certificate import IntervalCertificate
from segqc_conformal.calibrators.nonconformity import (
    check_side,
    checked_scale,
    checked_values,
    residual,
)
from segqc_conformal.calibrators.support import check_support
from segqc_conformal.calibrators.weighted_quantile import calibrate_weighted
from segqc_conformal.errors import InputError

__all__ = ["DiceInterval", "IntervalCertificate"]


@dataclass(frozen=True)
class DiceInterval:
    """Settings of a split-conformal interval on Dice, or on another measure with its support.

    Parameters
    ----------
    miscoverage : float, default 0.1
        alpha in (0, 1).
    side : {"two-sided", "lower", "upper"}
        Both ends, or one end only.
    confidence : float, optional
        1 - delta in (0, 1) for a PAC interval; None for a marginal one.
    support : (float, float), default (0, 1)
        Smallest and largest possible value: (0, 1) for Dice and IoU, (0, inf) for HD95 and surface
        distances.
    measure : str, default "Dice"
        What the interval is about, as the promise calls it.

    Notes
    -----
    Guarantee: marginal, P(dice in [low, high]) >= 1 - alpha over calibration draw and new
    patient, if patients are exchangeable and `predicted`, `scale` and `groups` were made without
    the calibration labels. PAC: the same coverage with probability >= 1 - delta over the
    calibration draw, if patients are independent and identically distributed. With groups: within
    each, and on average over the small ones (`calibrate_groups`). With weights: under the shift
    they describe, exact if known, approximate if estimated (`WeightedQuantile`). Not promised:
    per case, per group unless asked, or among accepted cases (`AcceptedInterval` is).
    Source: Papadopoulos et al., Inductive Confidence Machines (ECML 2002); Lei et al., JASA 113
    (2018), Theorem 2.2 and section 5.2; PAC: Vovk (ACML 2012).

    Examples
    --------
    >>> certificate = DiceInterval(miscoverage=0.2).calibrate([0.9] * 9, np.arange(1, 10) / 10)
    >>> low, high = certificate.interval([0.9, 0.5])
    >>> low.round(2).tolist(), high.round(2).tolist()
    ([0.2, 0.0], [1.0, 1.0])
    """

    miscoverage: float = 0.1
    side: str = "two-sided"
    confidence: float | None = None
    support: tuple[float, float] = (0.0, 1.0)
    measure: str = "Dice"

    def __post_init__(self) -> None:
        """Check the settings."""
        check_open_unit(miscoverage=self.miscoverage, confidence=self.confidence)
        check_side(self.side)
        check_support(self.support)

    def calibrate(
        self,
        predicted: ArrayLike,
        dice: ArrayLike,
        scale: ArrayLike | None = None,
        groups: ArrayLike | None = None,
        weights: ArrayLike | None = None,
        weights_are: str | None = None,
        patients: ArrayLike | None = None,
    ) -> IntervalCertificate:
        """Calibrate on labelled cases that fitted nothing.

        Parameters
        ----------
        predicted : array_like of float, shape (cases,)
            Predicted Dice of each calibration case.
        dice : array_like of float, shape (cases,)
            True Dice, finite and inside the support.
        scale : array_like of float, shape (cases,), optional
            Positive scale of the error; None for constant width.
        groups : array_like, shape (cases,), optional
            Group of each case (structure, site, size class), known without its label: the promise
            then holds within groups.
        weights : array_like of float, shape (cases,), optional
            How much likelier each case is in the new population, > 0, up to a common factor.
        weights_are : {"known", "estimated"}, optional
            Required with `weights`.
        patients : array_like, shape (cases,), optional
            Patient of each case; the first row of each patient counts (with `groups`, of each
            patient in each group), so sort by time. None: every row is its own patient.

        Returns
        -------
        IntervalCertificate

        Raises
        ------
        InputError
            For NaN, infinite or out-of-range values, unequal lengths, and combinations without a
            theorem: weights with `confidence` or with groups. Too few patients do not raise: the
            certificate then gives the whole support.
        """
        low, high = self.support
        dice = checked_values(self.measure.lower(), dice, low=low, high=high)
        predicted = checked_values(f"predicted {self.measure}", predicted, like=dice)
        nonconformity = residual(predicted, dice, self.side, checked_scale(scale, predicted))
        return self.certify(
            nonconformity, scale is not None, groups, weights, weights_are, patients
        )

    def certify(
        self,
        nonconformity: NDArray[np.float64],
        scaled: bool,
        groups: ArrayLike | None,
        weights: ArrayLike | None,
        weights_are: str | None,
        patients: ArrayLike | None,
    ) -> IntervalCertificate:
        """Calibrate on nonconformity that is already known, as `QuantileInterval` does.

        Notes
        -----
        Guarantee: that of `DiceInterval`, for intervals made of the same nonconformity.
        """
        self._refuse_without_theorem(groups, weights, weights_are)
        rows = first_row_of_each_patient(patients, nonconformity.size)
        quantile = by_group = weighted = None
        if weights is not None:
            weights = checked_values("weights", weights, like=nonconformity)
            weighted = calibrate_weighted(nonconformity[rows], weights[rows], weights_are)
        elif groups is not None:
            by_group = calibrate_groups(
                nonconformity, groups, patients, self.miscoverage, self.confidence
            )
        else:
            quantile = conformal_quantile(nonconformity[rows], self.miscoverage, self.confidence)
        low, high = (float(end) if np.isfinite(end) else None for end in self.support)
        return IntervalCertificate(
            miscoverage=self.miscoverage,
            side=self.side,
            confidence=self.confidence,
            patients=int(rows.size),
            quantile=quantile,
            support_low=low,
            support_high=high,
            measure=self.measure,
            scaled=scaled,
            groups=by_group,
            weighted=weighted,
        )

    def _refuse_without_theorem(
        self, groups: ArrayLike | None, weights: ArrayLike | None, weights_are: str | None
    ) -> None:
        if weights is None and weights_are is not None:
            raise InputError("weights_are only with weights", weights_are, "pass the weights too")
        if weights is not None and groups is not None:
            raise InputError(
                "weights or groups, not both",
                "both",
                "calibrate the cases of each group with their weights as a certificate of its own",
            )
        if weights is not None and self.confidence is not None:
            raise InputError(
                "no confidence together with weights (no theorem for this quantile)",
                f"confidence {self.confidence:g}",
                "use confidence=None, or thin the calibration cases with probability w / max w "
                "and calibrate those that are left without weights",
            )
