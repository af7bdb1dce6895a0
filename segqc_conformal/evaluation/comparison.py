"""Quality predictors compared on patients that fitted nothing: single features and combinations."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from segqc_conformal.calibration_rows import labelled_rows, one_case_each
from segqc_conformal.calibrators.usefulness import Usefulness, usefulness
from segqc_conformal.errors import InputError
from segqc_conformal.evaluation.bootstrap import patient_counts, percentile_interval, replicated
from segqc_conformal.evaluation.case_metrics import CASE_METRICS
from segqc_conformal.evaluation.compared_methods import Method, methods_of
from segqc_conformal.evaluation.promise_worth import promise_numbers, promised_cases
from segqc_conformal.features.table import feature_columns, one_identity
from segqc_conformal.patients import split_patients
from segqc_conformal.quality.predictor import fit_quality
from segqc_conformal.scoring import empty_prediction

__all__ = ["Comparison", "StructureComparison", "compare_predictors"]

FEWEST_PATIENTS = 20
REPLICATES = 1000
CONFIDENCE = 0.95


@dataclass(frozen=True, eq=False)
class StructureComparison:
    """The methods compared on one structure.

    Parameters
    ----------
    structure : str
    dice : ndarray of float64, shape (patients,)
        Of the evaluation half.
    methods : tuple of Method
    best_single : str
        Name of the feature or predictor with the lowest AURC on the fit half.
    usefulness : Usefulness
        Of the combination, on the evaluation half.
    numbers : DataFrame
        ``method, kind, metric, value, low, high, difference, difference_low, difference_high``:
        the difference is to the best single one, on the same drawn patients.
    """

    structure: str
    dice: NDArray[np.float64]
    methods: tuple[Method, ...]
    best_single: str
    usefulness: Usefulness
    numbers: pd.DataFrame

    def method(self, name: str) -> Method:
        """Return the method of that name."""
        return next(method for method in self.methods if method.name == name)

    def row(self, method: str, metric: str) -> pd.Series:
        """Return the line of a method and a metric."""
        chosen = (self.numbers["method"] == method) & (self.numbers["metric"] == metric)
        return self.numbers[chosen].iloc[0]


@dataclass(frozen=True, eq=False)
class Comparison:
    """What `compare_predictors` found.

    Parameters
    ----------
    structures : tuple of StructureComparison
    settings : dict
        ``dice_threshold``, ``seed``, ``replicates`` and ``confidence``.
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
        Of the patient split (half and half), of ties between visits, of the forest and of the
        bootstrap.
    predictors : sequence of str
        Columns that hold predicted Dice in [0, 1]; a ``feature_`` column also goes into the
        combination, another one does not.

    Returns
    -------
    Comparison

    Raises
    ------
    InputError
        With fewer than 20 labelled patients, or for predictor columns that are missing or hold
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
    rows = _usable(features, predictors, seed)
    fitting, _ = split_patients(rows["patient_id"], seed)
    in_fit = rows["patient_id"].isin(fitting)
    fit, test = rows[in_fit], rows[~in_fit]
    scored = _scored(fit, test, feature_columns(rows), seed)
    methods = {
        str(name): methods_of(
            scored[0][scored[0]["structure"] == name], part, predictors, dice_threshold
        )
        for name, part in scored[1].groupby("structure")
    }
    best = {
        name: min((m for m in of if m.kind != "combination"), key=lambda m: m.fit_aurc)
        for name, of in methods.items()
    }
    of_column = {
        column: _scored(fit, test, [column], seed)
        for column in dict.fromkeys(method.column for method in best.values())
    }
    return Comparison(
        tuple(
            _compared(
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
        },
    )


def _usable(features: pd.DataFrame, predictors: Sequence[str], seed: int) -> pd.DataFrame:
    rows, _ = labelled_rows(features)
    one_identity(rows)
    rows = one_case_each(rows, seed)
    rows = rows[~empty_prediction(rows)].reset_index(drop=True)
    if rows["patient_id"].nunique() < FEWEST_PATIENTS:
        raise InputError(
            f"at least {FEWEST_PATIENTS} labelled patients",
            rows["patient_id"].nunique(),
            "add reference masks",
        )
    for column in predictors:
        if column not in rows:
            raise InputError(f"the column {column}, a predictor", "a table without", "add it")
        values = pd.to_numeric(rows[column], errors="coerce")
        outside = rows.loc[~values.between(0.0, 1.0), "case_id"]
        if len(outside):
            raise InputError(
                f"predicted Dice in [0, 1] in {column}",
                f"{len(outside)} rows without",
                "predict every labelled case",
                case_id=str(outside.iloc[0]),
            )
        rows[column] = values.astype(np.float64)
    return rows


def _scored(
    fit: pd.DataFrame, test: pd.DataFrame, columns: Sequence[str], seed: int
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Add predicted Dice and scale from these columns alone: out of fold to the rows that fit."""
    names = {column: f"feature_{column.removeprefix('feature_')}" for column in columns}
    known, new = (
        part[["patient_id", "structure", "dice", *columns]].rename(columns=names)
        for part in (fit, test)
    )
    quality, out_of_fold = fit_quality(known, seed=seed)
    predicted, scale = quality.predict(new)
    return fit.join(out_of_fold), test.assign(predicted_dice=predicted, scale=scale)


def _compared(
    name: str,
    methods: list[Method],
    best: Method,
    fitted: dict[str, tuple[pd.DataFrame, pd.DataFrame]],
    dice_threshold: float,
    seed: int,
) -> StructureComparison:
    parts = {
        method: (fit[fit["structure"] == name], test[test["structure"] == name])
        for method, (fit, test) in fitted.items()
    }
    evaluated = parts["combination"][1]
    dice, patients = evaluated["dice"].to_numpy(), evaluated["patient_id"]
    counts = patient_counts(patients, REPLICATES, seed)
    lines = _metric_lines(methods, best, dice, dice_threshold, counts)
    calibrating, _ = split_patients(patients, seed + 1)
    first = patients.isin(calibrating).to_numpy()
    worth = {
        method: promise_numbers(
            promised_cases(fit, test, first, dice_threshold), counts, CONFIDENCE
        )
        for method, (fit, test) in parts.items()
    }
    kinds = {"combination": "combination", best.name: best.kind}
    for metric, (_, against) in worth[best.name].items():
        for method, kind in kinds.items():
            estimate, drawn = worth[method][metric]
            base = worth[best.name][metric][0].value
            lines.append(_line(method, kind, metric, estimate.value, drawn, base, against))
    return StructureComparison(
        structure=name,
        dice=dice,
        methods=tuple(methods),
        best_single=best.name,
        usefulness=usefulness(methods[0].score, dice, seed),
        numbers=pd.DataFrame(lines),
    )


def _metric_lines(
    methods: list[Method],
    best: Method,
    dice: NDArray[np.float64],
    dice_threshold: float,
    counts: NDArray[np.int64],
) -> list[dict[str, Any]]:
    bad = (dice <= dice_threshold).astype(np.float64)
    targets = {"dice": dice, "loss": 1.0 - dice, "bad": bad, "good": 1.0 - bad}
    lines = []
    for metric, rule in CASE_METRICS.items():
        target = targets[rule.against]
        base, base_drawn = float("nan"), np.full(len(counts), np.nan)
        for method in sorted(methods, key=lambda method: method is not best):
            said = getattr(method, rule.of)
            if said is None:
                continue
            value = float(rule.metric(said, target))
            drawn = replicated(rule.metric, said, target, counts)
            if method is best:
                base, base_drawn = value, drawn
            lines.append(_line(method.name, method.kind, metric, value, drawn, base, base_drawn))
    return lines


def _line(
    method: str,
    kind: str,
    metric: str,
    value: float,
    drawn: NDArray[np.float64],
    base: float,
    base_drawn: NDArray[np.float64],
) -> dict[str, Any]:
    low, high = percentile_interval(drawn, CONFIDENCE)
    difference_low, difference_high = percentile_interval(drawn - base_drawn, CONFIDENCE)
    return {
        "method": method,
        "kind": kind,
        "metric": metric,
        "value": value,
        "low": low,
        "high": high,
        "difference": value - base,
        "difference_low": difference_low,
        "difference_high": difference_high,
    }
