"""P-values against "the mean loss exceeds the tolerated one" that grow with every loss."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from segqc_conformal.calibrators.p_values import betting_p_value, hoeffding_bentkus_p_value

__all__ = ["RISK_TESTS", "fewest_patients_to_certify", "risk_p_value"]

RISK_TESTS = ("betting", "hoeffding-bentkus")


def risk_p_value(test: str, losses: NDArray[np.float64], tolerated: float) -> float:
    """Return the p-value of one of `RISK_TESTS`.

    Notes
    -----
    Guarantee: P(p <= u) <= u for every u if the mean loss is >= alpha and patients are independent.
    Both grow with every loss, which a search over thresholds needs: the stakes of
    `betting_p_value` are constant. Where losses vary little it certifies far more than
    Hoeffding-Bentkus.

    Examples
    --------
    >>> losses = np.full(60, 0.05)
    >>> [round(risk_p_value(test, losses, 0.1), 3) for test in RISK_TESTS]
    [0.069, 0.367]
    """
    if test == "betting":
        with np.errstate(divide="ignore"):  # a capital of 0 has p-value 1
            return float(betting_p_value(losses, tolerated))
    mean = math.fsum(losses) / max(losses.size, 1)
    return float(hoeffding_bentkus_p_value(mean, losses.size, tolerated))


def fewest_patients_to_certify(test: str, tolerated: float, level: float) -> int:
    """Return the fewest patients whose losses, were they all 0, reject at `level`.

    Examples
    --------
    >>> [fewest_patients_to_certify(test, 0.1, 0.1) for test in RISK_TESTS]
    [27, 22]
    """
    patients = math.floor(math.log(level) / math.log(1.0 - tolerated))
    while risk_p_value(test, np.zeros(patients), tolerated) > level:
        patients += 1
    return patients
