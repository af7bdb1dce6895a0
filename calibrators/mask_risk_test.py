"""P-values against "the mean loss exceeds the tolerated one" that grow with every loss."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from segqc_conformal.calibrators.p_values import binomial_p_value, hoeffding_bentkus_p_value

__all__ = ["RISK_TESTS", "constant_bets_p_value", "fewest_patients_to_certify", "risk_p_value"]

STAKES = 6
RISK_TESTS = ("betting", "hoeffding-bentkus", "binomial")


def constant_bets_p_value(losses: NDArray[np.float64], tolerated: float) -> float:
    """Return the p-value of a mixture of constant bets against the mean loss.

    Parameters
    ----------
    losses : ndarray of float64, shape (patients,)
        In [0, 1], one per patient.
    tolerated : float
        alpha in (0, 1).

    Returns
    -------
    float
        In [0, 1]; grows with every loss and does not depend on the order of the patients.

    Notes
    -----
    Guarantee: P(p <= u) <= u for every u if the mean loss is >= alpha and patients are independent
    and identically distributed: each product of ``1 + stake (alpha - loss)`` has expectation
    <= 1, so has their mixture, and Markov's inequality holds. Unlike bets that learn
    (`betting_p_value`) it is monotone in every loss, which a search over thresholds needs. Where
    losses vary little it certifies far more than Hoeffding-Bentkus.
    Source: Waudby-Smith and Ramdas, J. R. Stat. Soc. B 86 (2024), section 4, stakes constant.

    Examples
    --------
    >>> losses = np.full(60, 0.05)
    >>> hoeffding_bentkus = hoeffding_bentkus_p_value(0.05, 60, 0.1)
    >>> round(constant_bets_p_value(losses, 0.1), 3), round(float(hoeffding_bentkus), 3)
    (0.069, 0.367)
    """
    halvings = np.arange(STAKES)
    # the largest stake that never goes broke, and its halves; the last weight makes the sum 1
    stakes = 2.0**-halvings / (1.0 - tolerated)
    weights = 2.0 ** -np.minimum(halvings + 1.0, STAKES - 1.0)
    with np.errstate(divide="ignore"):
        gains = np.maximum(stakes * (tolerated - losses[:, None]), -1.0)
        capital = np.log1p(gains).sum(axis=0)
    best = float(capital.max())
    if best <= 0.0:
        return 1.0
    return min(1.0, math.exp(-best) / float(weights @ np.exp(capital - best)))


def risk_p_value(test: str, losses: NDArray[np.float64], tolerated: float) -> float:
    """Return the p-value of one of `RISK_TESTS`; "binomial" is for losses of 0 and 1 only.

    Examples
    --------
    >>> [round(risk_p_value(test, np.zeros(30), 0.1), 3) for test in RISK_TESTS]
    [0.074, 0.042, 0.042]
    """
    if test == "betting":
        return constant_bets_p_value(losses, tolerated)
    if test == "binomial":
        return float(binomial_p_value(np.count_nonzero(losses), losses.size, tolerated))
    mean = math.fsum(losses) / max(losses.size, 1)
    return float(hoeffding_bentkus_p_value(mean, losses.size, tolerated))


def fewest_patients_to_certify(test: str, tolerated: float, level: float) -> int:
    """Return the fewest patients whose losses, were they all 0, reject at `level`.

    Examples
    --------
    >>> [fewest_patients_to_certify(test, 0.1, 0.1) for test in RISK_TESTS]
    [27, 22, 22]
    """
    patients = math.floor(math.log(level) / math.log(1.0 - tolerated))
    while risk_p_value(test, np.zeros(patients), tolerated) > level:
        patients += 1
    return patients
