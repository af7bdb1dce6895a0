"""Groups as text and as numbers: one reading for every calibrator."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from segqc_conformal.errors import InputError

__all__ = ["group_codes"]


def group_codes(groups: ArrayLike, cases: int) -> tuple[NDArray[np.intp], list[str]]:
    """Return the groups numbered as they first appear, and their names.

    Parameters
    ----------
    groups : array_like, shape (cases,)
        Read as text before they are told apart: 1 and "1" are one group.
    cases : int

    Returns
    -------
    (codes, names)
        The place of each case's group in ``names``; -1 where it is missing.

    Raises
    ------
    InputError
        If there is not one group per case.

    Examples
    --------
    >>> codes, names = group_codes(["B", 1, None, "1"], 4)
    >>> codes.tolist(), names
    ([0, 1, -1, 1], ['B', '1'])
    """
    # pandas columns keep their codes: a million cases must not become a million objects
    column = isinstance(groups, pd.Series | pd.Index | pd.Categorical)
    labels: Any = groups if column else np.asarray(groups, dtype=object)
    if labels.shape != (cases,):
        raise InputError(f"groups of shape ({cases},)", labels.shape, "pass one group per case")
    codes, labels = pd.factorize(labels)
    # 1 and "1" are the same group once they are text
    same, names = pd.factorize(np.array([*map(str, labels), ""], dtype=object))
    return np.where(codes < 0, -1, same[codes]), list(names[: same[:-1].max(initial=-1) + 1])
