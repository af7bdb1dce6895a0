"""Dice without labels, straight from the quality predictor: its predictions, bias and scale."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from segqc_conformal.calibrators.checks import check_open_unit
from segqc_conformal.calibrators.nonconformity import checked_scale, checked_values
from segqc_conformal.monitors.dice_estimate import DiceEstimate, rows_by_structure

__all__ = ["direct_estimate"]


def direct_estimate(
    predicted: ArrayLike,
    scale: ArrayLike,
    dice: ArrayLike,
    new_predicted: ArrayLike,
    new_scale: ArrayLike,
    dice_threshold: float = 0.8,
    structures: ArrayLike | None = None,
    new_structures: ArrayLike | None = None,
) -> dict[str, DiceEstimate]:
    """Estimate the Dice of new cases from their predicted Dice and scale.

    Parameters
    ----------
    predicted, scale, dice : array_like of float, shape (cases,)
        Of the calibration cases, under the deployed quality predictor: predicted Dice, its scale
        (> 0), and true Dice in [0, 1]. Leave empty predictions out: they have no predicted Dice.
    new_predicted, new_scale : array_like of float, shape (new_cases,)
        Of the new cases.
    dice_threshold : float
        A mask with Dice <= this is bad; in (0, 1).
    structures, new_structures : array_like of str, optional
        Structure of each case; estimates are by structure.

    Returns
    -------
    dict of str to DiceEstimate
        By structure of the new cases; "all" without structures.

    Raises
    ------
    InputError
        For NaN, infinite values, unequal lengths, no case, and structures without calibration.

    Notes
    -----
    Each new case is given the errors of calibration, ``(dice - predicted) / scale``, in units of
    its own scale: its Dice is taken to be spread over ``predicted + scale * error``, cut to [0, 1].
    The mean error corrects the predictor's bias. `spread` is the standard deviation of the errors
    times ``sqrt(mean(scale^2) / new_cases + mean(scale)^2 / cases)``.

    Guarantee: none; an estimate, never an alarm. It is right on average where errors in units of
    the scale keep their law (a benign covariate shift) and wrong by as much as masks become worse
    without the predictor noticing.
    Source: the idea, averaging a predicted loss, is NannyML's "direct loss estimation"; residuals
    and scale are used here in place of a second model.

    Examples
    --------
    >>> found = direct_estimate([0.5, 0.75], [1, 1], [0.25, 0.5], [0.5, 1.0], [1, 1], 0.7)["all"]
    >>> found.mean_dice, found.share_bad
    (0.5, 0.5)
    """
    check_open_unit(dice_threshold=dice_threshold)
    old = checked_values("predicted Dice", predicted)
    true = checked_values("dice", dice, old, 0.0, 1.0)
    new = checked_values("new predicted Dice", new_predicted)
    error = (true - old) / checked_scale(scale, old)
    width = np.broadcast_to(checked_scale(new_scale, new), new.shape)
    return {
        name: _estimate(np.sort(error[rows]), new[new_rows], width[new_rows], dice_threshold)
        for name, rows, new_rows in rows_by_structure(
            structures, old.size, new_structures, new.size
        )
    }


def _estimate(
    errors: NDArray[np.float64],
    predicted: NDArray[np.float64],
    scale: NDArray[np.float64],
    dice_threshold: float,
) -> DiceEstimate:
    cases = errors.size
    # of the sorted errors, those that would lead below 0 and above 1 are cut there
    below = np.searchsorted(errors, -predicted / scale)
    above = np.searchsorted(errors, (1.0 - predicted) / scale)
    sums = np.concatenate([[0.0], np.cumsum(errors)])
    inside = (above - below) * predicted + scale * (sums[above] - sums[below])
    mean_dice = float(np.mean((inside + (cases - above)) / cases))
    bad = np.searchsorted(errors, (dice_threshold - predicted) / scale, side="right") / cases
    spread = None
    if cases > 1:
        per_case = np.mean(scale**2) / predicted.size + np.mean(scale) ** 2 / cases
        spread = float(np.std(errors, ddof=1) * np.sqrt(per_case))
    share_bad = float(np.mean(bad))
    return DiceEstimate(cases, predicted.size, min(1.0, max(0.0, mean_dice)), share_bad, spread)
