"""How far a conditional interval must reach: one linear programme per kind of new case."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import linprog

__all__ = ["conditional_cutoffs"]

# The share of a patient by which the level is left, to reach its edge from inside: steps of the
# solution that are shorter are passed over, which costs at most alpha x 1e-6 of coverage.
INSIDE = 1e-6
TOLERANCE = 1e-10
ROUNDING = 1e-9  # of the largest nonconformity: a case that lies on the end must stay inside


def conditional_cutoffs(
    nonconformity: NDArray[np.float64],
    conditions: NDArray[np.float64],
    new: NDArray[np.float64],
    miscoverage: float,
) -> NDArray[np.float64]:
    """Return the largest nonconformity that each new case may have.

    Parameters
    ----------
    nonconformity : ndarray of float64, shape (patients,)
        Finite.
    conditions : ndarray of float64, shape (patients, k)
        Finite; the constant is added.
    new : ndarray of float64, shape (cases, k)
    miscoverage : float
        alpha in (0, 1).

    Returns
    -------
    ndarray of float64, shape (cases,)
        inf where the patients are too few for the conditions of a case.

    Notes
    -----
    Fit the 1 - alpha quantile of the nonconformity, linear in the conditions, to the patients and
    the new case. Its subgradient at the new case grows with the nonconformity of that case, which
    is kept until it reaches 1 - alpha. That edge is the prediction of the quantile whose patients
    balance a subgradient of 1 - alpha: the dual of a linear programme.
    Guarantee: that of `ConditionalInterval`, to alpha x 1e-6.
    Source: Gibbs, Cherian, Candes, Conformal prediction with conditional guarantees, J. R. Stat.
    Soc. B 87 (2025), dual form.

    Examples
    --------
    >>> sizes = np.zeros((9, 1))
    >>> conditional_cutoffs(np.arange(9.0), sizes, np.array([[0.0], [1.0]]), 0.1).round(6).tolist()
    [8.0, inf]
    """
    kinds, kind = np.unique(new, axis=0, return_inverse=True)
    if nonconformity.size == 0:
        return np.full(len(new), np.inf)
    unit = np.abs(nonconformity).max() or 1.0
    units = np.abs(conditions).max(axis=0, initial=0.0)
    units[units == 0.0] = 1.0
    patients, cases = (
        np.column_stack([np.ones(len(rows)), rows / units]) for rows in (conditions, kinds)
    )
    cutoffs = [_cutoff(nonconformity / unit, patients, case, miscoverage) for case in cases]
    return np.asarray(cutoffs)[kind.reshape(-1)] * unit


def _cutoff(
    nonconformity: NDArray[np.float64],
    patients: NDArray[np.float64],
    case: NDArray[np.float64],
    miscoverage: float,
) -> float:
    found = linprog(
        -nonconformity,
        A_eq=patients.T,
        b_eq=(INSIDE + miscoverage - 1.0) * case,
        bounds=(-miscoverage, 1.0 - miscoverage),
        method="highs-ds",
        options={
            "primal_feasibility_tolerance": TOLERANCE,
            "dual_feasibility_tolerance": TOLERANCE,
        },
    )
    # infeasible: no nonconformity of this case would be refused
    return float(-case @ found.eqlin.marginals) + ROUNDING if found.status == 0 else np.inf
