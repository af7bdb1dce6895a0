"""One quantile per group of patients (Mondrian); groups too small for one form "other"."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from segqc_conformal.calibrators.checks import first_row_of_each_patient
from segqc_conformal.calibrators.conformal_rank import conformal_quantile, interval_rank
from segqc_conformal.calibrators.group_codes import group_codes
from segqc_conformal.errors import InputError

__all__ = ["GroupQuantiles", "calibrate_groups"]


@dataclass(frozen=True)
class GroupQuantiles:
    """The calibrated nonconformity of each group.

    Parameters
    ----------
    patients : dict of str to int
        Calibration patients of every group seen, by name in order.
    quantiles : dict of str to float
        Groups with a finite quantile of their own.
    other_quantiles : dict of str to float
        Small groups with a finite quantile from "other"; those in neither get the whole support.
    other_patients : int
        Patients of "other".

    Notes
    -----
    Guarantee: that of `calibrate_groups`.
    """

    patients: dict[str, int]
    quantiles: dict[str, float]
    other_quantiles: dict[str, float]
    other_patients: int

    @property
    def nothing(self) -> tuple[str, ...]:
        """Groups seen that get the whole support."""
        return tuple(name for name in self.patients if name not in self.calibrated)

    @property
    def calibrated(self) -> dict[str, float]:
        """Quantile of each group that has a finite one, its own or that of "other"."""
        return {**self.other_quantiles, **self.quantiles}

    def of(self, groups: ArrayLike, cases: int) -> NDArray[np.float64]:
        """Return the quantile of each case; inf (whole support) for an unseen or missing group.

        Examples
        --------
        >>> found = GroupQuantiles({"A": 9, "B": 2}, {"A": 0.3}, {"B": 0.5}, 11)
        >>> found.of(["A", "B", "C", None], 4)
        array([0.3, 0.5, inf, inf])
        """
        codes, names = group_codes(groups, cases)
        calibrated = self.calibrated
        return np.array([*(calibrated.get(name, np.inf) for name in names), np.inf])[codes]

    @classmethod
    def from_dict(cls, fields: Mapping[str, Any]) -> GroupQuantiles:
        """Read the parsed JSON of the groups of a certificate."""
        return cls(**fields)


def calibrate_groups(
    nonconformity: NDArray[np.float64],
    groups: ArrayLike,
    patients: ArrayLike | None,
    miscoverage: float,
    confidence: float | None,
) -> GroupQuantiles:
    """Calibrate each group on its own patients, and the small ones together as "other".

    Parameters
    ----------
    nonconformity : ndarray of float64, shape (cases,)
    groups : array_like, shape (cases,)
        Group of each case, known without its label; read as text.
    patients : array_like, shape (cases,), or None
        The first row of each patient in each group counts.
    miscoverage : float
        alpha in (0, 1).
    confidence : float or None
        1 - delta of a PAC quantile, for each group on its own; None: marginal.

    Notes
    -----
    Guarantee: the promise of the quantile holds within each group that has its own, and on average
    over new patients of the small groups seen. A group is small if no finite quantile exists at
    this level for its number of patients. No "other" is formed with `confidence` (which groups are
    small depends on the draw, and no theorem covers that) nor where a patient has cases in several
    groups; small groups then get the whole support, as groups not seen always do. The pooled
    quantile is never used.
    Source: Vovk, Gammerman, Shafer, Algorithmic Learning in a Random World (2005), section 4.5
    (Mondrian conformal predictors); PAC: Vovk (ACML 2012), Prop. 2a, within each group.

    Examples
    --------
    >>> errors, sites = np.arange(24.0), ["A"] * 12 + ["B"] * 6 + ["C"] * 6
    >>> found = calibrate_groups(errors, sites, None, 0.1, None)
    >>> found.quantiles, found.other_quantiles, found.other_patients
    ({'A': 11.0}, {'B': 23.0, 'C': 23.0}, 12)
    """
    codes, seen = group_codes(groups, nonconformity.size)
    names = sorted(seen)  # as JSON keeps them
    codes = np.array([*(names.index(name) for name in seen), -1], dtype=np.intp)[codes]
    if (codes < 0).any():
        row = int(np.flatnonzero(codes < 0)[0])
        raise InputError("a group for each case", f"none in row {row}", "name the group, or drop")
    ids = np.arange(codes.size) if patients is None else pd.factorize(np.asarray(patients))[0]
    rows = first_row_of_each_patient(ids * max(len(names), 1) + codes, codes.size)
    members = {name: nonconformity[rows[codes[rows] == i]] for i, name in enumerate(names)}
    own = {
        name: conformal_quantile(part, miscoverage, confidence) for name, part in members.items()
    }
    one_group_each = np.unique(ids[rows]).size == rows.size
    small = [
        name
        for name, part in members.items()
        if interval_rank(part.size, miscoverage, confidence) is None
    ]
    pool: NDArray[np.float64] = np.empty(0)
    other: dict[str, float | None] = {}
    if confidence is None and one_group_each and small:
        pool, other = _other(members, small, miscoverage)
    return GroupQuantiles(
        {name: part.size for name, part in members.items()}, _finite(own), _finite(other), pool.size
    )


def _other(
    members: dict[str, NDArray[np.float64]], small: list[str], miscoverage: float
) -> tuple[NDArray[np.float64], dict[str, float | None]]:
    """Return the patients of "other" and the quantile of each small group.

    The theorem needs a rule that sorts the new patient and the calibration patients alike, by the
    sizes of groups with the new patient counted in. With it a small group has 2 patients or more
    and no finite quantile for one fewer. So "other" holds the groups with exactly enough patients
    for a quantile of their own, and a group with a single patient only for itself. Taking just the
    groups that look small from the calibration patients covers too little: a hard group is in
    "other" then exactly when few of it were drawn.
    """
    borderline = [
        part
        for part in members.values()
        if part.size >= 2 and interval_rank(part.size - 1, miscoverage, None) is None
    ]
    pool = np.concatenate([np.empty(0), *borderline])
    return pool, {
        name: conformal_quantile(
            np.append(pool, members[name]) if members[name].size == 1 else pool, miscoverage, None
        )
        for name in small
    }


def _finite(quantiles: dict[str, float | None]) -> dict[str, float]:
    return {name: value for name, value in quantiles.items() if value is not None}
