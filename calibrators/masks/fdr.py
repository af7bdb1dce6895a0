"""The loosest threshold of a grid whose FDR over patients is certified."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from segqc_conformal.calibrators.masks.certificate import MaskTest
from segqc_conformal.calibrators.masks.search import within_crc

__all__ = ["fdr_threshold_expected", "fdr_threshold_tested"]


def fdr_threshold_expected(
    false: NDArray[np.intp], marked: NDArray[np.intp], grid: tuple[float, ...], tolerated: float
) -> float | None:
    """Return the loosest threshold by conformal risk control on the running maximum of the FDR.

    Parameters
    ----------
    false, marked : ndarray of int, shape (patients, thresholds)
        Voxels of the mask outside the reference, and voxels of the mask, at each threshold.
    grid : tuple of float
        Falling thresholds, fixed before calibration.
    tolerated : float
        alpha in (0, 1).

    Returns
    -------
    float or None
        None where only the empty mask, whose FDR is 0, is left.

    Notes
    -----
    Guarantee: E[largest FDR at this or any stricter threshold of the grid] <= alpha, hence
    E[FDR] <= alpha, for exchangeable patients. On the FDR itself, which is not monotone, the
    theorem does not hold.
    Source: Angelopoulos et al., Conformal Risk Control (ICLR 2024), Theorem 1, applied to the
    monotone loss.

    Examples
    --------
    >>> false, marked = np.tile([[0, 3, 3]], (9, 1)), np.tile([[1, 10, 30]], (9, 1))
    >>> fdr_threshold_expected(false, marked, (0.9, 0.5, 0.1), tolerated=0.2)
    0.9
    """
    counted = np.maximum(marked, 1)
    shares = false / counted
    # where each running maximum was reached: its counts make the comparison exact
    worst = np.where(shares == np.maximum.accumulate(shares, axis=1), np.arange(len(grid)), 0)
    worst = np.maximum.accumulate(worst, axis=1)
    lost, of = (np.take_along_axis(counts, worst, axis=1) for counts in (false, counted))
    within = [t for i, t in enumerate(grid) if within_crc(lost[:, i], of[:, i], tolerated)]
    return min(within, default=None)


def fdr_threshold_tested(
    false: NDArray[np.intp],
    marked: NDArray[np.intp],
    grid: tuple[float, ...],
    p_value: Callable[[NDArray[np.float64]], float],
    delta: float,
) -> tuple[float | None, tuple[MaskTest, ...]]:
    """Return the loosest threshold that a fixed sequence of tests certifies, and the tests.

    Parameters
    ----------
    false, marked, grid
        As in `fdr_threshold_expected`.
    p_value : callable
        Of the losses of one threshold, against "their mean exceeds alpha".
    delta : float
        Allowed probability that any certified threshold violates.

    Returns
    -------
    (threshold, tests) : float or None, tuple of MaskTest
        The first failure is included; what comes after is not tested.

    Notes
    -----
    Guarantee: with probability >= 1 - delta the mean FDR at the threshold is <= alpha, or it is
    None, for independent, identically distributed patients.
    Source: Angelopoulos et al., Learn then Test, Ann. Appl. Stat. 19 (2025), Theorem 1 and fixed
    sequence.

    Examples
    --------
    >>> from segqc_conformal.calibrators.masks.risk_test import risk_p_value
    >>> false, marked = np.tile([[0, 3, 3]], (60, 1)), np.tile([[1, 10, 30]], (60, 1))
    >>> threshold, tests = fdr_threshold_tested(
    ...     false, marked, (0.9, 0.5, 0.1), lambda loss: risk_p_value("betting", loss, 0.2), 0.1)
    >>> threshold, [round(test.p_value, 3) for test in tests]
    (0.9, [0.0, 1.0])
    """
    tests: list[MaskTest] = []
    certified = None
    for step, threshold in enumerate(grid):
        loss = false[:, step] / np.maximum(marked[:, step], 1)
        mean = float(loss.mean()) if loss.size else None
        tests.append(MaskTest(threshold, mean, p_value(loss)))
        if tests[-1].p_value > delta:
            break
        certified = threshold
    return certified, tuple(tests)
