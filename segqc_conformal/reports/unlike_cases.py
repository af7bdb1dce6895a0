"""The recent cases that look least like the calibration cases."""

from __future__ import annotations

import numpy as np
import pandas as pd

__all__ = ["tail_shares", "unlike_cases"]


def tail_shares(then: pd.DataFrame, now: pd.DataFrame) -> pd.DataFrame:
    """Return how far out in the calibration cases' values each value of the recent cases lies.

    Parameters
    ----------
    then, now : DataFrame
        Calibration and recent cases, as `one_row_per_case` returns them.

    Returns
    -------
    DataFrame
        Like `now`, the columns of both: the two-sided share of calibration values that lie as far
        out, in (0, 1]; ties count half, and the new value itself counts. NaN where a value is
        missing; ``-inf`` (no score) lies below every number.

    Notes
    -----
    Guarantee: none; descriptive.

    Examples
    --------
    >>> then = pd.DataFrame({"x": [1.0, 2.0, 3.0]})
    >>> tail_shares(then, pd.DataFrame({"x": [2.0, 9.0, np.nan]}))["x"].tolist()
    [1.0, 0.25, nan]
    """
    return pd.DataFrame(
        {name: _tails(then[name], now[name]) for name in now.columns if name in then},
        index=now.index,
    )


def _tails(then: pd.Series, now: pd.Series) -> np.ndarray:
    known = np.sort(then.dropna().to_numpy())
    values = now.to_numpy()
    below, up_to = (np.searchsorted(known, values, side) for side in ("left", "right"))
    middle = (below + up_to + 1.0) / (2.0 * (len(known) + 1.0))
    share = np.minimum(1.0, 2.0 * np.minimum(middle, 1.0 - middle))
    return np.where(np.isnan(values) | (len(known) == 0), np.nan, share)


def unlike_cases(tails: pd.DataFrame, most: int = 6) -> pd.Series:
    """Rank the cases by how unlike the calibration cases they are, all columns together.

    Parameters
    ----------
    tails : DataFrame
        As `tail_shares` returns it.
    most : int
        How many cases to return.

    Returns
    -------
    Series
        Index: cases, the most unlike first. Values: mean of -log(share) over the columns that are
        known; about 1 for a case like the calibration cases. Cases without a known value left out.

    Notes
    -----
    Guarantee: none. Some case is always the most unlike: the list says where to look first, not
    that anything is wrong. Fisher's combination of p-values, without its distribution, as columns
    are not independent.
    """
    unlike: pd.Series = -np.log(tails).mean(axis=1).dropna()
    return unlike.sort_values(ascending=False, kind="stable").head(most)
