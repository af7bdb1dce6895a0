"""The methods compared on one structure: every number, its interval and its paired difference."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from segqc_conformal.calibrators.usefulness import Usefulness, usefulness
from segqc_conformal.evaluation.bootstrap import patient_counts, percentile_interval, replicated
from segqc_conformal.evaluation.case_metrics import CASE_METRICS
from segqc_conformal.evaluation.compared_methods import Method
from segqc_conformal.evaluation.comparison_halves import of_structure
from segqc_conformal.evaluation.promise_worth import promise_numbers, promised_cases
from segqc_conformal.patients import split_patients

__all__ = ["CONFIDENCE", "REPLICATES", "StructureComparison", "compared_structure"]

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


def compared_structure(
    name: str,
    methods: list[Method],
    best: Method,
    fitted: Mapping[str, tuple[pd.DataFrame, pd.DataFrame]],
    dice_threshold: float,
    seed: int,
) -> StructureComparison:
    """Measure the methods of one structure.

    Parameters
    ----------
    name : str
        The structure.
    methods : list of Method
        The combination first.
    best : Method
        The best single one, with which all others are paired.
    fitted : mapping of str to (DataFrame, DataFrame)
        For "combination" and the name of `best`: the scored rows of both halves (`scored_halves`).
    dice_threshold : float
    seed : int
        Of the bootstrap, the permutation test and the two parts of `promised_cases`.

    Notes
    -----
    Guarantee: see `compare_predictors`.
    """
    parts = {method: of_structure(halves, name) for method, halves in fitted.items()}
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
