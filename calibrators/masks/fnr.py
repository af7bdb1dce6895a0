"""The largest threshold whose FNR over patients is certified, exact at every threshold."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from segqc_conformal.calibrators.masks.curve import rounded_up
from segqc_conformal.calibrators.masks.search import largest_threshold, within_crc

__all__ = ["fnr_threshold"]


def fnr_threshold(
    inside: Sequence[NDArray[np.floating[Any]]],
    tolerated: float,
    rejects: Callable[[NDArray[np.float64]], bool] | None = None,
) -> tuple[float | None, float | None]:
    """Return the largest certified threshold and the mean loss of the calibration patients there.

    Parameters
    ----------
    inside : sequence of ndarray of float, one per patient
        Ascending, from `MaskCurve.inside`; an empty one has no loss.
    tolerated : float
        alpha in (0, 1).
    rejects : callable, optional
        Whether losses, shape (patients,), reject "their mean exceeds alpha" at level delta; must
        grow with no loss. None: conformal risk control.

    Returns
    -------
    (threshold, mean_loss) : tuple of float or None
        Both None where even threshold 0 is not certified.

    Notes
    -----
    Guarantee: see `MaskThreshold`. Both forms need a loss that is monotone and, in the threshold,
    continuous from the left, which the FNR of ``probability >= threshold`` is.

    Examples
    --------
    >>> patients = [np.linspace(0.1 * i, 1.0, 11) for i in range(9)]
    >>> threshold, loss = fnr_threshold(patients, tolerated=0.2)  # the losses may sum to 1
    >>> round(threshold, 2), round(loss, 2)
    (0.37, 0.11)
    """
    counted = np.array([max(levels.size, 1) for levels in inside], dtype=np.intp)
    dtypes = {levels.dtype for levels in inside}

    def lost(threshold: float) -> NDArray[np.intp]:
        exact = {dtype: rounded_up(threshold, dtype) for dtype in dtypes}
        at = [levels.searchsorted(exact[levels.dtype]) for levels in inside]
        return np.array(at, dtype=np.intp)

    def holds(threshold: float) -> bool:
        if rejects is None:
            return within_crc(lost(threshold), counted, tolerated)
        return rejects(lost(threshold) / counted)

    bits = max((8 * dtype.itemsize for dtype in dtypes), default=64)
    threshold = largest_threshold(holds, bits)
    if threshold is None:
        return None, None
    return threshold, math.fsum(lost(threshold) / counted) / counted.size
