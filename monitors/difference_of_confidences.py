"""Dice without labels, moved by as much as the confidence moved (DoC)."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from segqc_conformal.calibrators.checks import check_open_unit
from segqc_conformal.calibrators.nonconformity import checked_values
from segqc_conformal.errors import InputError
from segqc_conformal.monitors.dice_estimate import DiceEstimate, rows_by_structure

__all__ = ["difference_of_confidences"]


def difference_of_confidences(
    predicted: ArrayLike,
    dice: ArrayLike,
    new_predicted: ArrayLike,
    dice_threshold: float = 0.8,
    p_above: ArrayLike | None = None,
    new_p_above: ArrayLike | None = None,
    structures: ArrayLike | None = None,
    new_structures: ArrayLike | None = None,
) -> dict[str, DiceEstimate]:
    """Estimate the Dice of new cases from the change of the mean confidence.

    Parameters
    ----------
    predicted, dice : array_like of float, shape (cases,)
        Of the calibration cases: predicted Dice, which is the confidence, and true Dice in [0, 1].
    new_predicted : array_like of float, shape (new_cases,)
        Of the new cases.
    dice_threshold : float
        A mask with Dice <= this is bad; in (0, 1).
    p_above, new_p_above : array_like of float, shapes (cases,) and (new_cases,), optional
        Predicted probability of Dice > `dice_threshold`, in [0, 1]: the confidence for the share
        of bad masks, which is not estimated without it.
    structures, new_structures : array_like of str, optional
        Structure of each case; differences are by structure.

    Returns
    -------
    dict of str to DiceEstimate
        By structure of the new cases; "all" without structures. `spread` is None.

    Raises
    ------
    InputError
        For NaN, infinite values, unequal lengths, no case, probabilities of one side only, and
        structures without calibration.

    Notes
    -----
    Mean Dice of calibration + mean new confidence - mean confidence of calibration, cut to [0, 1];
    the share of bad masks likewise, with the opposite sign. A constant bias of the confidence
    cancels; a slope other than 1 between confidence and Dice does not.

    Guarantee: none; an estimate, never an alarm.
    Source: Guillory, Shankar, Ebrahimi, Darrell, Schmidt, Predicting with confidence on unseen
    distributions (ICCV 2021), without its regression over known shifts; differences by class, here
    by structure, after Li et al., arXiv:2207.09957.

    Examples
    --------
    >>> round(difference_of_confidences([0.9, 0.9], [0.8, 0.9], [0.7])["all"].mean_dice, 3)
    0.65
    """
    check_open_unit(dice_threshold=dice_threshold)
    old = checked_values("predicted Dice", predicted)
    true = checked_values("dice", dice, old, 0.0, 1.0)
    new = checked_values("new predicted Dice", new_predicted)
    if (p_above is None) != (new_p_above is None):
        raise InputError(
            "p_above and new_p_above, or neither", "one of them", "give the probabilities of both"
        )
    above = None if p_above is None else checked_values("p_above", p_above, old, 0.0, 1.0)
    new_above = (
        None if new_p_above is None else checked_values("new_p_above", new_p_above, new, 0.0, 1.0)
    )
    bad = (true <= dice_threshold).astype(np.float64)
    found = {}
    for name, rows, new_rows in rows_by_structure(structures, old.size, new_structures, new.size):
        share_bad = None
        if above is not None and new_above is not None:
            share_bad = _moved(bad[rows], -above[rows], -new_above[new_rows])
        mean_dice = _moved(true[rows], old[rows], new[new_rows])
        found[name] = DiceEstimate(rows.size, new_rows.size, mean_dice, share_bad, None)
    return found


def _moved(
    truth: NDArray[np.float64], confidence: NDArray[np.float64], new: NDArray[np.float64]
) -> float:
    return float(np.clip(np.mean(truth) + np.mean(new) - np.mean(confidence), 0.0, 1.0))
