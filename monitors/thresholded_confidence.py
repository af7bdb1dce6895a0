"""Dice without labels, from scores cut at the threshold that was right in calibration (ATC)."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from segqc_conformal.calibrators.checks import LARGEST, check_open_unit, finite_array
from segqc_conformal.calibrators.nonconformity import checked_values
from segqc_conformal.monitors.dice_estimate import DiceEstimate, rows_by_structure

__all__ = ["thresholded_confidence"]


def thresholded_confidence(
    accept_score: ArrayLike,
    dice: ArrayLike,
    new_accept_score: ArrayLike,
    dice_threshold: float = 0.8,
    structures: ArrayLike | None = None,
    new_structures: ArrayLike | None = None,
) -> dict[str, DiceEstimate]:
    """Estimate the Dice of new cases from how their scores lie among those of calibration.

    Parameters
    ----------
    accept_score, dice : array_like of float, shape (cases,)
        Of the calibration cases: any score that grows with quality (``-inf`` is one), and true
        Dice in [0, 1].
    new_accept_score : array_like of float, shape (new_cases,)
        Of the new cases.
    dice_threshold : float
        A mask with Dice <= this is bad; in (0, 1).
    structures, new_structures : array_like of str, optional
        Structure of each case; thresholds are by structure.

    Returns
    -------
    dict of str to DiceEstimate
        By structure of the new cases; "all" without structures. `spread` is None.

    Raises
    ------
    InputError
        For NaN, ``+inf``, unequal lengths, no case, and structures without calibration.

    Notes
    -----
    Average thresholded confidence: the share of calibration scores below the threshold is the share
    of bad calibration masks; the estimate is the share of new scores below it. Done so for "Dice
    <= u" at each u instead of one, and added up over u, it gives the mean Dice. That is to pair the
    sorted scores of calibration with its sorted Dice: a new case takes the Dice paired with the
    largest calibration score that is not above its own (the lowest, if all are); cases of equal
    score share theirs. No estimate leaves the range of calibration's Dice.

    Guarantee: none; an estimate, never an alarm. On the calibration cases themselves it is exact.
    Source: Garg, Balakrishnan, Lipton, Neyshabur, Sedghi, Leveraging unlabeled data to predict
    out-of-distribution performance (ICLR 2022); thresholds by class, here by structure, after Li et
    al., arXiv:2207.09957. The sum over u is ours.

    Examples
    --------
    >>> score, dice = [0.1, 0.2, 0.3, 0.4], [0.5, 0.7, 0.9, 0.9]
    >>> thresholded_confidence(score, dice, [0.15, 0.35, 0.35, 0.45])["all"].share_bad
    0.25
    """
    check_open_unit(dice_threshold=dice_threshold)
    score = finite_array("accept_score", accept_score, high=LARGEST)
    true = checked_values("dice", dice, score, 0.0, 1.0)
    new = finite_array("new_accept_score", new_accept_score, high=LARGEST)
    return {
        name: _estimate(score[rows], true[rows], new[new_rows], dice_threshold)
        for name, rows, new_rows in rows_by_structure(
            structures, score.size, new_structures, new.size
        )
    }


def _estimate(
    score: NDArray[np.float64],
    dice: NDArray[np.float64],
    new: NDArray[np.float64],
    dice_threshold: float,
) -> DiceEstimate:
    levels, group, sizes = np.unique(score, return_inverse=True, return_counts=True)
    group, paired = np.sort(group), np.sort(dice)
    mean = np.bincount(group, weights=paired) / sizes
    bad = np.bincount(group, weights=paired <= dice_threshold) / sizes
    place = np.maximum(np.searchsorted(levels, new, side="right") - 1, 0)
    share_bad, mean_dice = float(np.mean(bad[place])), float(np.mean(mean[place]))
    return DiceEstimate(score.size, new.size, min(1.0, mean_dice), share_bad, None)
