"""Where to put the middle of an interval so that it is narrow: the centre of skewed residuals.

An interval is as long below the predicted Dice as above it, but Dice errs further downwards than
upwards, and the worst of several structures is worse than the worst prediction says. So predictions
are moved to the middle of the shortest interval that holds the residuals of the fit patients.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from segqc_conformal.quality.expected_width import levels_around

__all__ = ["recentred", "row_centres", "width_centre"]

FEWEST_ROWS = 20  # below, the middle of the residuals is mostly noise: nothing is moved


def width_centre(
    dice: NDArray[np.float64],
    predicted: NDArray[np.float64],
    scale: NDArray[np.float64],
    miscoverage: float,
) -> float:
    """Return how far to move predictions, in units of their scale, for the narrowest interval.

    Parameters
    ----------
    dice, predicted, scale : ndarray of float64, shape (rows,)
        Of fit patients, predicted out of fold.
    miscoverage : float
        Of the interval that is to be narrow.

    Returns
    -------
    float
        Middle of the shortest interval that holds a share 1 - `miscoverage` of the normalised
        residuals, averaged over levels around it; 0 with fewer than 20 rows.

    Notes
    -----
    Guarantee: none; a poor centre gives valid, wider intervals.

    Examples
    --------
    >>> skewed = np.linspace(0.0, 1.0, 101) ** 2
    >>> width_centre(skewed, np.full(101, 0.5), np.ones(101), 0.1) < -0.04
    True
    """
    if len(dice) < FEWEST_ROWS:
        return 0.0
    residual = np.sort((dice - predicted) / scale)
    return float(np.mean([_middle(residual, level) for level in levels_around(miscoverage)]))


def _middle(ascending: NDArray[np.float64], level: float) -> float:
    inside = max(1, int(np.ceil(level * ascending.size)))
    low, high = ascending[: ascending.size - inside + 1], ascending[inside - 1 :]
    shortest = int(np.argmin(high - low))
    return float(0.5 * (low[shortest] + high[shortest]))


def row_centres(
    scored: pd.DataFrame, names: Collection[str], miscoverage: float
) -> dict[str, float]:
    """Return the centre of each kind of row that stands for several structures.

    Parameters
    ----------
    scored : DataFrame
        Scored rows of the fit patients: ``structure, dice, predicted_dice, scale``.
    names : collection of str
        What these rows are called in ``structure``.
    miscoverage : float

    Returns
    -------
    dict of str to float

    Notes
    -----
    Guarantee: none.
    """
    known = scored[scored["predicted_dice"].notna() & scored["dice"].notna()]
    centres = {}
    for name in names:
        rows = known.loc[known["structure"] == name, ["dice", "predicted_dice", "scale"]]
        dice, predicted, scale = rows.to_numpy(dtype=np.float64).T
        centres[name] = width_centre(dice, predicted, scale, miscoverage)
    return centres


def recentred(scored: pd.DataFrame, centres: Mapping[str, float]) -> pd.DataFrame:
    """Move the predicted Dice of the named rows by their centre; accept scores stay.

    Parameters
    ----------
    scored : DataFrame
        Scored rows.
    centres : mapping of str to float
        By ``structure``, in units of the row's scale; other rows stay as they are.

    Returns
    -------
    DataFrame

    Notes
    -----
    Guarantee: none.

    Examples
    --------
    >>> rows = pd.DataFrame({"structure": ["a", "whole_case"], "predicted_dice": [0.9, 0.8],
    ...                      "scale": [0.1, 0.2]})
    >>> recentred(rows, {"whole_case": -0.5})["predicted_dice"].round(3).tolist()
    [0.9, 0.7]
    """
    shift = scored["structure"].map(dict(centres)).fillna(0.0).astype(float) * scored["scale"]
    moved = (scored["predicted_dice"] + shift).clip(0.0, 1.0)
    return scored.assign(predicted_dice=moved)
