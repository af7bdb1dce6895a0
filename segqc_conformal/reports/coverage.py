"""Coverage and width on labelled cases, beside the range that chance alone allows."""

from __future__ import annotations

import pandas as pd
from scipy.stats import beta, betabinom

from segqc_conformal.calibrators.conformal_rank import interval_rank
from segqc_conformal.calibrators.interval import IntervalCertificate

__all__ = ["clopper_pearson", "coverage_table", "expected_range"]

LEVEL = 0.95


def clopper_pearson(hits: int, cases: int, level: float = LEVEL) -> tuple[float, float]:
    """Return the exact binomial confidence interval of a share.

    Parameters
    ----------
    hits, cases : int
        ``0 <= hits <= cases``.
    level : float
        Confidence in (0, 1).

    Returns
    -------
    (low, high) : tuple of float
        (0, 1) for no cases.

    Notes
    -----
    Guarantee: contains the true share with probability >= `level`, for independent cases.
    Source: Clopper and Pearson, Biometrika 26 (1934).

    Examples
    --------
    >>> [round(end, 3) for end in clopper_pearson(9, 10)]
    [0.555, 0.997]
    """
    tail = (1.0 - level) / 2.0
    low = float(beta.ppf(tail, hits, cases - hits + 1)) if hits else 0.0
    high = float(beta.ppf(1.0 - tail, hits + 1, cases - hits)) if hits < cases else 1.0
    return low, high


def expected_range(
    certificate: IntervalCertificate, cases: int, level: float = LEVEL
) -> tuple[float, float] | None:
    """Return the range of observed coverage that a sound calibration shows on new patients.

    Parameters
    ----------
    certificate : IntervalCertificate
    cases : int
        New patients, >= 1.
    level : float
        Central probability of the range, in (0, 1).

    Returns
    -------
    (low, high) or None
        Shares of covered patients; None where the certificate gives [0, 1] only, and for groups or
        weights: the law of the number covered then depends on who comes.

    Notes
    -----
    Guarantee: with independent, identically distributed patients and no ties the number covered is
    beta-binomial (cases, k, n + 1 - k), k the rank of the calibrated nonconformity among n; the
    range then holds it with probability >= `level`.
    Source: Vovk (ACML 2012); Angelopoulos and Bates, arXiv:2107.07511, section 3.2.

    Examples
    --------
    >>> low, high = expected_range(IntervalCertificate(0.1, "two-sided", None, 100, 1.0), 200)
    >>> round(low, 3), round(high, 3)
    (0.82, 0.96)
    """
    if certificate.groups is not None or certificate.weighted is not None:
        return None
    patients = certificate.patients
    rank = interval_rank(patients, certificate.miscoverage, certificate.confidence)
    if rank is None or certificate.quantile is None:
        return None
    law = betabinom(cases, rank, patients + 1 - rank)
    tail = (1.0 - level) / 2.0
    return float(law.ppf(tail)) / cases, float(law.ppf(1.0 - tail)) / cases


def coverage_table(rows: pd.DataFrame) -> pd.DataFrame:
    """Count coverage and width per structure, over all sites and per site.

    Parameters
    ----------
    rows : DataFrame
        ``structure, site, predicted_dice, dice_low, dice_high, covered``, one case per patient.

    Returns
    -------
    DataFrame
        ``structure, site, cases, covered, coverage, low, high, width``: site "all" first, `low`
        and `high` the Clopper-Pearson interval at 95 %. Rows without predicted Dice have the
        interval [0, 1] and are not counted.

    Notes
    -----
    Guarantee: none; per-site figures are descriptive.
    """
    known = rows[rows["predicted_dice"].notna()]
    known = known.assign(width=known["dice_high"] - known["dice_low"])
    everywhere = known.assign(site="all")
    parts = [everywhere, known] if known["site"].nunique() > 1 else [everywhere]
    counted = [
        part.groupby(["structure", "site"], sort=True, as_index=False).agg(
            cases=("covered", "size"), covered=("covered", "sum"), width=("width", "mean")
        )
        for part in parts
    ]
    table = pd.concat(counted, ignore_index=True)
    ends = [
        clopper_pearson(int(hits), int(cases))
        for hits, cases in zip(table["covered"], table["cases"], strict=True)
    ]
    table["coverage"] = table["covered"] / table["cases"]
    table["low"], table["high"] = [low for low, _ in ends], [high for _, high in ends]
    return table
