"""The Beta law of coverage given the calibration, and whether repeats keep to it.

With n calibration patients whose nonconformity has no ties, coverage of new patients is
Beta(n + 1 - l, l), l = floor((n + 1) alpha); intervals that are tied or clipped only hold more
often (Vovk, Conditional validity of inductive conformal predictors, ACML 2012).
"""

from __future__ import annotations

from typing import Any

import numpy as np
from recalibration_fresh import Held
from scipy.stats import beta, betabinom, kstest, norm

from segqc_conformal.calibrators.conformal_rank import marginal_rank

ALPHA = 0.10
LEVEL = 0.01  # of all tests together that a sound recalibration fails one of them
CENTRAL = 0.95


def law(patients: int) -> tuple[int, int]:
    """Parameters of the Beta law of coverage.

    Examples
    --------
    >>> law(60), law(80)
    ((55, 6), (73, 8))
    """
    rank = marginal_rank(patients, ALPHA)
    assert rank is not None
    return rank, patients + 1 - rank


def real_row(repeats: list[Held]) -> dict[str, Any]:
    """As `summary`, of real patients, which repeats share; those that judge nobody are left out."""
    return summary([each for each in repeats if each.of])


def law_row(repeats: list[Held], cells: int) -> dict[str, Any]:
    """Compare the coverage of many repeats of one size with the law.

    Parameters
    ----------
    repeats : list of Held
        With many new patients each, so that shares are close to coverage.
    cells : int
        Cells that are gated together; in each the mean and the whole law are tested.
    """
    patients = repeats[0].patients
    expected, share = beta(*law(patients)), LEVEL / (2 * cells)
    coverage = np.array([each.held / each.of for each in repeats])
    reach = float(norm.isf(share / 2) * expected.std() / len(repeats) ** 0.5)
    p_value = float(kstest(coverage, expected.cdf).pvalue)
    off = abs(coverage.mean() - expected.mean())
    return {
        **summary(repeats),
        "patients": patients,
        "reach": reach,
        "p_value": p_value,
        "share": share,
        "kept": bool(p_value >= share and off <= reach),
    }


def summary(repeats: list[Held]) -> dict[str, Any]:
    """Mean and spread of coverage, beside those of the law with so many new patients."""
    coverage = np.array([each.held / each.of for each in repeats])
    tail = (1.0 - CENTRAL) / 2.0
    return {
        "repeats": len(repeats),
        "of": float(np.mean([each.of for each in repeats])),
        "mean": float(coverage.mean()),
        "sd": float(coverage.std(ddof=1)),
        "law_mean": float(np.mean([_counts(each).mean() / each.of for each in repeats])),
        "law_sd": float(np.mean([_counts(each).std() / each.of for each in repeats])),
        "below": sum(bool(_counts(each).cdf(each.held) < tail) for each in repeats),
        "above": sum(bool(_counts(each).sf(each.held - 1) < tail) for each in repeats),
    }


def _counts(each: Held) -> Any:
    """Law of how many new intervals hold."""
    return betabinom(each.of, *law(each.patients))
