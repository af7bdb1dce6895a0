"""The loosest threshold of a grid whose FDR over patients is certified."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from segqc_conformal.calibrators.fixed_sequence import holm
from segqc_conformal.calibrators.mask_certificate import MaskTest
from segqc_conformal.calibrators.mask_search import crc_budget

__all__ = ["fdr_threshold_expected", "fdr_threshold_tested"]


def fdr_threshold_expected(
    losses: NDArray[np.float64], grid: tuple[float, ...], tolerated: float
) -> tuple[float | None, float | None]:
    """Return the loosest threshold by conformal risk control on the running maximum of the loss.

    Parameters
    ----------
    losses : ndarray of float64, shape (patients, thresholds)
        In [0, 1], at each threshold of `grid`.
    grid : tuple of float
        Falling thresholds, fixed before calibration.
    tolerated : float
        alpha in (0, 1).

    Returns
    -------
    (threshold, mean_loss) : tuple of float or None
        Both None where only the empty mask, whose loss is 0, is left.

    Notes
    -----
    Guarantee: E[largest loss at this or any stricter threshold of the grid] <= alpha, hence
    E[loss] <= alpha, for exchangeable patients. On the loss itself, which is not monotone, the
    theorem does not hold.
    Source: Angelopoulos et al., Conformal Risk Control (ICLR 2024), Theorem 1, applied to the
    monotone loss.

    Examples
    --------
    >>> losses = np.tile([0.0, 0.3, 0.1], (9, 1))
    >>> fdr_threshold_expected(losses, (0.9, 0.5, 0.1), tolerated=0.2)
    (0.9, 0.0)
    """
    largest = np.maximum.accumulate(losses, axis=1)
    budget = crc_budget(len(losses), tolerated)
    within = [step for step in range(len(grid)) if math.fsum(largest[:, step]) <= budget]
    if not within:
        return None, None
    return grid[within[-1]], float(losses[:, within[-1]].mean())


def fdr_threshold_tested(
    losses: NDArray[np.float64],
    grid: tuple[float, ...],
    p_value: Callable[[NDArray[np.float64]], float],
    delta: float,
    procedure: str = "fixed sequence",
) -> tuple[float | None, tuple[MaskTest, ...]]:
    """Return the loosest threshold that tests certify, and the tests.

    Parameters
    ----------
    losses : ndarray of float64, shape (patients, thresholds)
        In [0, 1], at each threshold of `grid`.
    grid : tuple of float
        Falling thresholds, fixed before calibration.
    p_value : callable
        Of the losses of one threshold, against "their mean exceeds alpha".
    delta : float
        Allowed probability that any certified threshold violates.
    procedure : {"fixed sequence", "holm"}
        Each at full delta until the first fails; or all, from the smallest p-value on at
        ``delta / len(grid)``, ``delta / (len(grid) - 1)``, ... until one fails.

    Returns
    -------
    (threshold, tests) : float or None, tuple of MaskTest
        The first failure of a fixed sequence is included; what comes after is not tested.

    Notes
    -----
    Guarantee: with probability >= 1 - delta the mean loss at the threshold is <= alpha, or it is
    None, for independent, identically distributed patients.
    Source: Angelopoulos et al., Learn then Test, Ann. Appl. Stat. 19 (2025), Theorem 1; Holm,
    Scand. J. Stat. 6 (1979).

    Examples
    --------
    >>> from segqc_conformal.calibrators.mask_risk_test import risk_p_value
    >>> losses = np.tile([0.0, 0.3, 0.1], (60, 1))
    >>> by = lambda loss: risk_p_value("betting", loss, 0.2)
    >>> [fdr_threshold_tested(losses, (0.9, 0.5, 0.1), by, 0.1, procedure)[0]
    ...  for procedure in ("fixed sequence", "holm")]
    [0.9, 0.1]
    """
    tests: list[MaskTest] = []
    for step, threshold in enumerate(grid):
        loss = losses[:, step]
        mean = float(loss.mean()) if loss.size else None
        tests.append(MaskTest(threshold, mean, p_value(loss)))
        if procedure == "fixed sequence" and tests[-1].p_value > delta:
            break
    p = np.array([test.p_value for test in tests])
    passes = p <= delta if procedure == "fixed sequence" else holm(p, delta)
    passed = [test.threshold for test, ok in zip(tests, passes, strict=True) if ok]
    return min(passed, default=None), tuple(tests)
