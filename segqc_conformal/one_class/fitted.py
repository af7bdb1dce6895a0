"""The fitted part: a model of the good cases of each structure, and how whole cases compare."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from segqc_conformal.errors import CalibrationError
from segqc_conformal.one_class.methods import FEWEST_FIT, fitted_model, model_nonconformity
from segqc_conformal.scoring import empty_prediction
from segqc_conformal.whole_case import WHOLE_CASE

__all__ = ["FittedOneClass", "fit_one_class"]


@dataclass(frozen=True, eq=False)
class FittedOneClass:
    """What was learned of the good cases of fit patients; it never sees a calibration patient.

    Parameters
    ----------
    method : str
    features : tuple of str
        Columns that are read.
    models : mapping of str to estimator
        By structure; None in the place of each for "value".
    units : mapping of str to (float, float)
        By structure: median and interquartile range of the fitted cases' nonconformity, so that
        those of different structures can be compared.

    Notes
    -----
    Guarantee: none by itself.
    """

    method: str
    features: tuple[str, ...]
    models: Mapping[str, Any]
    units: Mapping[str, tuple[float, float]]

    @property
    def structures(self) -> tuple[str, ...]:
        """Structures that were fitted, without ``whole_case``."""
        return tuple(sorted(self.models))

    def with_nonconformity(self, rows: pd.DataFrame) -> pd.DataFrame:
        """Add ``nonconformity``, and one ``whole_case`` row for each case with every structure.

        Parameters
        ----------
        rows : DataFrame
            Usable rows of fitted structures.

        Returns
        -------
        DataFrame
            Of an empty prediction the nonconformity is +inf, whatever its features say. That of a
            whole case is its structures' largest, each less its median and over its interquartile
            range among fitted cases. No ``whole_case`` where there is a single structure.
        """
        found = pd.Series(np.inf, index=rows.index)
        known = rows[~empty_prediction(rows)]
        for name, part in known.groupby("structure"):
            found[part.index] = self._nonconformity(str(name), part)
        scored = rows.assign(nonconformity=found)
        if len(self.structures) == 1:
            return scored
        return pd.concat([scored, self._whole_cases(scored)], ignore_index=True)

    def _nonconformity(self, structure: str, rows: pd.DataFrame) -> NDArray[np.float64]:
        values = rows[list(self.features)].to_numpy(dtype=np.float64)
        return model_nonconformity(self.method, self.models[structure], values)

    def _whole_cases(self, scored: pd.DataFrame) -> pd.DataFrame:
        middle, spread = (scored["structure"].map(lambda s, i=i: self.units[s][i]) for i in (0, 1))
        compared = scored.assign(nonconformity=(scored["nonconformity"] - middle) / spread)
        structures = compared.groupby("case_id")["structure"].transform("nunique")
        complete = compared[structures == len(self.structures)]
        most = complete.sort_values("nonconformity", ascending=False, kind="stable")
        return most.drop_duplicates("case_id").sort_index().assign(structure=WHOLE_CASE)


def fit_one_class(
    method: str, features: tuple[str, ...], fit: pd.DataFrame, structures: list[str], seed: int
) -> FittedOneClass:
    """Fit a model for each structure on the good cases of fit patients.

    Parameters
    ----------
    method : str
    features : tuple of str
    fit : DataFrame
        Good rows, one case per patient; may be empty for "value".
    structures : list of str
    seed : int

    Returns
    -------
    FittedOneClass

    Raises
    ------
    CalibrationError
        If a structure has fewer than 10 good fit patients with a predicted structure.

    Notes
    -----
    Guarantee: none.
    """
    if method == "value":
        alike = dict.fromkeys(structures)
        return FittedOneClass(method, features, alike, dict.fromkeys(structures, (0.0, 1.0)))
    seen = fit[~empty_prediction(fit)]
    models, units = {}, {}
    for name in structures:
        values = seen.loc[seen["structure"] == name, list(features)].to_numpy(dtype=np.float64)
        if len(values) < FEWEST_FIT:
            raise CalibrationError(
                f"at least {FEWEST_FIT} good fit patients of {name}",
                len(values),
                "add good cases, name more fit_patients, or leave the structure out",
            )
        models[name] = fitted_model(method, values, seed)
        low, middle, high = np.quantile(
            model_nonconformity(method, models[name], values), [0.25, 0.5, 0.75]
        )
        units[name] = (float(middle), float(high - low) or 1.0)
    return FittedOneClass(method, features, models, units)
