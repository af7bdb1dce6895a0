"""How far the coverage of one calibration lies from the coverage that was promised."""

from __future__ import annotations

from dataclasses import dataclass

from scipy.stats import beta

from segqc_conformal.calibrators.conformal_rank import interval_rank

__all__ = ["CoverageSpread", "coverage_spread"]


@dataclass(frozen=True)
class CoverageSpread:
    """Coverage of new patients, over calibrations of one size.

    Parameters
    ----------
    patients : int
        Calibration patients.
    mean : float
        Mean coverage; also the level of the quantile of the nonconformity that the interval uses,
        so that its excess over the promised coverage is width paid for being few.
    low, high : float
        5 and 95 of 100 calibrations cover less.

    Notes
    -----
    Guarantee: see `coverage_spread`.
    """

    patients: int
    mean: float
    low: float
    high: float


def coverage_spread(
    patients: int, miscoverage: float, confidence: float | None = None
) -> CoverageSpread | None:
    """Return the law of coverage over calibrations, in three numbers.

    Parameters
    ----------
    patients : int
        Calibration patients n.
    miscoverage : float
        alpha in (0, 1).
    confidence : float, optional
        1 - delta in (0, 1) of a PAC interval; None: the marginal one.

    Returns
    -------
    CoverageSpread or None
        None where patients are too few for an interval that is not all of [0, 1].

    Notes
    -----
    Guarantee: for independent, identically distributed patients without ties, coverage is
    Beta(k, n + 1 - k), k the calibrated rank; ties only add coverage.
    Source: Vovk (ACML 2012); Angelopoulos and Bates, arXiv:2107.07511, section 3.2.

    Examples
    --------
    >>> found = coverage_spread(100, 0.1)
    >>> round(found.mean, 3), round(found.low, 3), round(found.high, 3)
    (0.901, 0.848, 0.945)
    """
    rank = interval_rank(patients, miscoverage, confidence)
    if rank is None:
        return None
    low, high = (float(beta.ppf(tail, rank, patients + 1 - rank)) for tail in (0.05, 0.95))
    return CoverageSpread(patients, rank / (patients + 1), low, high)
