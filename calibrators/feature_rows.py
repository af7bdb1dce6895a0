"""Features as an estimator takes them: a frame or a 2-D array, one row per case."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from segqc_conformal.calibrators.nonconformity import checked_values
from segqc_conformal.errors import InputError, on_one_line

__all__ = ["feature_rows", "predicted_by", "some_rows"]


def feature_rows(features: Any, cases: int | None = None) -> Any:
    """Return a DataFrame as it is, anything else as a 2-D array; refused without a row per case.

    Examples
    --------
    >>> feature_rows([[0.5, 1.0]]).shape
    (1, 2)
    """
    table = features if isinstance(features, pd.DataFrame) else np.asarray(features)
    if table.ndim != 2 or (cases is not None and len(table) != cases):
        wanted = "(cases, features)" if cases is None else f"({cases}, features)"
        raise InputError(f"features of shape {wanted}", table.shape, "pass one row per case")
    return table


def some_rows(table: Any, rows: NDArray[np.intp]) -> Any:
    """Return the rows at these positions.

    Examples
    --------
    >>> some_rows(pd.DataFrame({"a": [1, 2]}, index=[7, 7]), np.array([1]))["a"].tolist()
    [2]
    """
    return table.iloc[rows] if isinstance(table, pd.DataFrame) else table[rows]


def predicted_by(model: Any, table: Any, measure: str) -> NDArray[np.float64]:
    """Return a fitted model's predictions, refused unless finite, one per case.

    Raises
    ------
    InputError
        Also where the model cannot use the features.
    """
    if len(table) == 0:  # which most models refuse
        return np.empty(0)
    try:
        found = model.predict(table)
    except (TypeError, ValueError, KeyError) as error:
        raise InputError(
            "features like those of the calibration", on_one_line(error), "repair the features"
        ) from error
    return checked_values(f"predicted {measure}", found, like=np.empty(len(table)))
