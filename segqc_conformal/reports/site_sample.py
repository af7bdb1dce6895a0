"""A bounded sample of cases that leaves no site out."""

from __future__ import annotations

import numpy as np
import pandas as pd
from numpy.typing import NDArray

__all__ = ["site_sample"]


def site_sample(sites: pd.Series, most: int, seed: int = 0) -> pd.Index:
    """Draw cases by site, in proportion.

    Parameters
    ----------
    sites : Series of str
        Site of each case; the index names the cases.
    most : int
        How many cases to keep, >= 1. Fewer cases are all kept.
    seed : int

    Returns
    -------
    Index
        In the order of `sites`. Each site keeps one case at least, even where there are more sites
        than `most`; the others are shared in proportion, by largest remainders.

    Notes
    -----
    Guarantee: none; within a site each case is drawn with the same probability.

    Examples
    --------
    >>> sites = pd.Series(["A"] * 990 + ["B"] * 9 + ["C"])
    >>> sites[site_sample(sites, 100)].value_counts().to_dict()
    {'A': 97, 'B': 2, 'C': 1}
    """
    if len(sites) <= most:
        return sites.index
    places = np.arange(len(sites))
    rng = np.random.default_rng(seed)
    groups = [places[(sites == site).to_numpy()] for site in sorted(sites.unique())]
    counts = _shares(np.array([len(group) for group in groups]), most)
    kept = [
        rng.choice(group, count, replace=False) for group, count in zip(groups, counts, strict=True)
    ]
    return sites.index[np.sort(np.concatenate(kept))]


def _shares(cases: NDArray[np.intp], most: int) -> NDArray[np.intp]:
    """One of each, and the rest of `most` in proportion to what is left."""
    more = max(0, most - len(cases))
    exact = more * (cases - 1) / max(1, (cases - 1).sum())
    counts = np.floor(exact).astype(np.intp)
    first = np.argsort(counts - exact, kind="stable")[: more - counts.sum()]
    counts[first] += 1
    return np.asarray(1 + counts)
