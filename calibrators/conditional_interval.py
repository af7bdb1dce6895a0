"""Intervals that hold within groups that overlap, and under shifts in what is known of a case."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from segqc_conformal.calibrators.checks import check_open_unit, first_row_of_each_patient
from segqc_conformal.calibrators.conditional_certificate import (
    ConditionalIntervalCertificate,
    checked_conditions,
)
from segqc_conformal.calibrators.nonconformity import (
    check_side,
    checked_scale,
    checked_values,
    residual,
)
from segqc_conformal.calibrators.support import check_support

__all__ = ["ConditionalInterval", "ConditionalIntervalCertificate"]


@dataclass(frozen=True)
class ConditionalInterval:
    """Settings of a conditional conformal interval.

    Parameters
    ----------
    miscoverage, side, support, measure
        As in `DiceInterval`.

    Notes
    -----
    Guarantee: with exchangeable patients, and `predicted`, `scale` and `conditions` made without
    the calibration labels, E[f(x) (1{dice in interval} - (1 - alpha))] >= 0 over calibration draw
    and new patient, for every f(x) >= 0 that is linear in 1 and the k conditions x. So with
    columns of 0 and 1 for groups, which may overlap, coverage is at least 1 - alpha within each
    group, outside it and over all; with a continuous column, after any linear tilt towards its
    large or small values, not at one value. At least, not exactly: equality would need a random
    number in each verdict. Not promised: with confidence (PAC), or among accepted cases. Groups
    that do not overlap are served as well by `DiceInterval` with `groups`, and faster.
    Source: Gibbs, Cherian, Candes, Conformal prediction with conditional guarantees, J. R. Stat.
    Soc. B 87 (2025), finite-dimensional classes. Computed here: the path that MAPIE 1.6.0 follows
    gives other ends, some too short, where nonconformity ties or patients x alpha is whole.

    Examples
    --------
    >>> large = np.repeat([0.0, 1.0], 9)[:, None]
    >>> errors = np.r_[np.full(9, 0.1), np.full(9, 0.3)]
    >>> certificate = ConditionalInterval().calibrate(np.full(18, 0.6), 0.6 - errors, large)
    >>> low, high = certificate.interval([0.6, 0.6, 0.6], [[0.0], [1.0], [3.0]])
    >>> low.round(6).tolist(), high.round(6).tolist()
    ([0.5, 0.3, 0.0], [0.7, 0.9, 1.0])
    """

    miscoverage: float = 0.1
    side: str = "two-sided"
    support: tuple[float, float] = (0.0, 1.0)
    measure: str = "Dice"

    def __post_init__(self) -> None:
        """Check the settings."""
        check_open_unit(miscoverage=self.miscoverage)
        check_side(self.side)
        check_support(self.support)

    def calibrate(
        self,
        predicted: ArrayLike,
        dice: ArrayLike,
        conditions: ArrayLike,
        scale: ArrayLike | None = None,
        patients: ArrayLike | None = None,
    ) -> ConditionalIntervalCertificate:
        """Calibrate on labelled cases that fitted nothing.

        Parameters
        ----------
        predicted, dice, scale, patients
            As in `DiceInterval.calibrate`; the first row of each patient counts.
        conditions : array_like of float, shape (cases, k)
            What is known of each case without its label: columns of 0 and 1 for groups, numbers
            for covariates. Finite. Each column costs patients and width.

        Returns
        -------
        ConditionalIntervalCertificate

        Raises
        ------
        InputError
            For NaN, infinite or out-of-range values, wrong shapes, and a scale so small that an
            error in its units is infinite.
        """
        low, high = self.support
        dice = checked_values(self.measure.lower(), dice, low=low, high=high)
        predicted = checked_values(f"predicted {self.measure}", predicted, like=dice)
        known = checked_conditions(conditions, dice.size)
        nonconformity = residual(predicted, dice, self.side, checked_scale(scale, predicted))
        rows = first_row_of_each_patient(patients, dice.size)
        checked_values("error in units of the scale", nonconformity[rows])
        least, most = (float(end) if np.isfinite(end) else None for end in self.support)
        return ConditionalIntervalCertificate(
            self.miscoverage,
            self.side,
            tuple(nonconformity[rows].tolist()),
            tuple(tuple(row) for row in known[rows].tolist()),
            scale is not None,
            least,
            most,
            self.measure,
        )
