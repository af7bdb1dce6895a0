"""Quality predictors compared on patients that fitted nothing: single features and combinations."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import pandas as pd

from segqc_conformal.evaluation.compared_methods import methods_of
from segqc_conformal.evaluation.comparison_halves import (
    compared_rows,
    of_structure,
    scored_halves,
    structures_with_enough,
)
from segqc_conformal.evaluation.structure_comparison import (
    CONFIDENCE,
    REPLICATES,
    StructureComparison,
    compared_structure,
)
from segqc_conformal.features.table import FIT_PATIENT, feature_columns
from segqc_conformal.patients import split_patients

__all__ = ["Comparison", "compare_predictors"]


@dataclass(frozen=True, eq=False)
class Comparison:
    """What `compare_predictors` found.

    Parameters
    ----------
    structures : tuple of StructureComparison
    settings : dict
        ``dice_threshold``, ``seed``, ``replicates``, ``confidence`` and ``left_out``: structures
        that too few patients have.
    """

    structures: tuple[StructureComparison, ...]
    settings: dict[str, Any]

    @property
    def numbers(self) -> pd.DataFrame:
        """All numbers, one row per structure, method and metric."""
        parts = [
            part.numbers.assign(structure=part.structure, patients=part.dice.size)
            for part in self.structures
        ]
        table = pd.concat(parts, ignore_index=True)
        first = ["structure", "method", "kind", "metric", "patients"]
        return table[[*first, *table.columns.difference(first, sort=False)]]

    @property
    def overview(self) -> pd.DataFrame:
        """The leading numbers, one row per structure and method, the lowest AURC first."""
        shown = ["aurc", "auroc", "spearman", "mae"]
        numbers = self.numbers
        keys = ["structure", "method"]
        wide = numbers.pivot(index=keys, columns="metric", values="value")[shown]
        gains = numbers[numbers["metric"] == "aurc"].set_index(keys)
        differences = gains[["difference", "difference_low", "difference_high"]]
        table = gains[["patients"]].join(wide).join(differences).reset_index()
        return table.sort_values(["structure", "aurc"], kind="stable", ignore_index=True)


def compare_predictors(
    features: pd.DataFrame,
    dice_threshold: float = 0.8,
    seed: int = 0,
    *,
    predictors: Sequence[str] = (),
) -> Comparison:
    """Compare each feature alone with the default combination, on patients that fitted nothing.

    Parameters
    ----------
    features : DataFrame
        Feature table with ``dice``; unlabelled and faulty cases are left out.
    dice_threshold : float
        A case is bad if its Dice is <= this.
    seed : int
        Of the patient split (half and half, but by the column ``fit_patient`` where it stands), of
        ties between visits, of the forest and of the bootstrap.
    predictors : sequence of str
        Columns that hold predicted Dice in [0, 1]; a ``feature_`` column also goes into the
        combination, another one does not.

    Returns
    -------
    Comparison

    Raises
    ------
    InputError
        With fewer than 20 labelled patients, without a structure that 5 patients of each half have,
        or for predictor columns that are missing or hold
        anything but Dice.

    Notes
    -----
    ``combination`` is the default quality predictor, weighted by patient-grouped cross-validation
    within the fit half; ``combination, accept score`` ranks by (predicted - threshold) / scale. The
    best single feature is chosen on the fit half, so its numbers are not the luckiest of many.
    Probabilities are Venn-Abers, calibrated on the fit half. Promises (`promised_cases`) are made
    for the combination and for the best single feature, fitted to Dice as the combination is.
    That a predictor column was made without these patients is the caller's word. One case per
    patient; empty predictions, which every method refers, are left out. Guarantee: none; intervals
    are those of `bootstrap_interval` with 1,000 replicates, each on its own.
    """
    rows = compared_rows(features, predictors, seed)
    in_fit = rows["patient_id"].isin(_fitting(rows, seed))
    fit, test = rows[in_fit], rows[~in_fit]
    scored = scored_halves(fit, test, feature_columns(rows), seed)
    kept, left_out = structures_with_enough(*scored)
    methods = {
        name: methods_of(*of_structure(scored, name), predictors, dice_threshold) for name in kept
    }
    best = {
        name: min((m for m in of if m.kind != "combination"), key=lambda m: m.fit_aurc)
        for name, of in methods.items()
    }
    of_column = {
        column: scored_halves(fit, test, [column], seed)
        for column in dict.fromkeys(method.column for method in best.values())
    }
    return Comparison(
        tuple(
            compared_structure(
                name,
                of,
                best[name],
                {"combination": scored, best[name].name: of_column[best[name].column]},
                dice_threshold,
                seed,
            )
            for name, of in methods.items()
        ),
        {
            "dice_threshold": dice_threshold,
            "seed": seed,
            "replicates": REPLICATES,
            "confidence": CONFIDENCE,
            "left_out": left_out,
        },
    )


def _fitting(rows: pd.DataFrame, seed: int) -> list[str]:
    """Return the patients that fit: those whose labels taught a feature, else half of all."""
    if FIT_PATIENT in rows and rows[FIT_PATIENT].any():
        return [str(name) for name in rows.loc[rows[FIT_PATIENT], "patient_id"].unique()]
    return list(split_patients(rows["patient_id"], seed)[0])
