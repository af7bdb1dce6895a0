"""How far columns moved, from counts alone."""

from __future__ import annotations

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from segqc_conformal.errors import InputError
from segqc_conformal.monitors.drift_counts import DriftCounts

__all__ = ["drift_numbers"]

HALF = 0.5  # added to every bin, so that an empty one does not make a number infinite


def drift_numbers(then: DriftCounts, now: DriftCounts) -> pd.DataFrame:
    """Compare the columns of two sets of cases by their counts.

    Parameters
    ----------
    then, now : DriftCounts
        Of the calibration cases and of recent ones, with the same edges.

    Returns
    -------
    DataFrame
        One row per column, the most changed first: ``column, ks, psi, js, missing_then,
        missing_now``. ``ks`` is the largest difference of the cumulative shares at an edge (at
        most the Kolmogorov-Smirnov statistic of the values); ``psi`` the population stability index
        and ``js`` the Jensen-Shannon distance (base 2), both with half a case added to each bin;
        the last two are shares of cases. NaN where a side has no value.

    Raises
    ------
    InputError
        If columns or edges differ.

    Notes
    -----
    Guarantee: none; descriptive, and no test. Alarms come from the monitors.
    Source: population stability index, Siddiqi, Credit Risk Scorecards (2006); Lin, Divergence
    measures based on the Shannon entropy, IEEE Transactions on Information Theory 37 (1991).

    Examples
    --------
    >>> then, now = DriftCounts({"x": [0.0]}), DriftCounts({"x": [0.0]})
    >>> then.add(pd.DataFrame({"x": [-1.0, 1.0]}))
    >>> now.add(pd.DataFrame({"x": [1.0, 1.0]}))
    >>> drift_numbers(then, now)[["column", "ks"]].to_dict("records")
    [{'column': 'x', 'ks': 0.5}]
    """
    if not then.same_bins(now):
        raise InputError(
            "counts with the same columns and edges",
            list(now.columns)[:12],
            "take the edges of the calibration for both",
        )
    rows = [
        {
            "column": name,
            **_compared(then.of(name), now.of(name)),
            "missing_then": then.missing(name) / max(1, then.rows),
            "missing_now": now.missing(name) / max(1, now.rows),
        }
        for name in then.columns
    ]
    columns = ["column", "ks", "psi", "js", "missing_then", "missing_now"]
    found = pd.DataFrame(rows, columns=columns)
    return found.sort_values("ks", ascending=False, kind="stable", ignore_index=True)


def _compared(then: NDArray[np.int64], now: NDArray[np.int64]) -> dict[str, float]:
    if not then.sum() or not now.sum():
        return {"ks": np.nan, "psi": np.nan, "js": np.nan}
    difference = np.cumsum(then) / then.sum() - np.cumsum(now) / now.sum()
    p, q = (each + HALF for each in (then, now))
    p, q = p / p.sum(), q / q.sum()
    middle = (p + q) / 2
    divergence = (np.sum(p * np.log2(p / middle)) + np.sum(q * np.log2(q / middle))) / 2
    return {
        "ks": float(np.abs(difference).max()),
        "psi": float(np.sum((q - p) * np.log(q / p))),
        "js": float(np.sqrt(max(0.0, divergence))),
    }
