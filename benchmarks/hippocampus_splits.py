"""One split of the patients: fit, calibrate and test every method on the same rows."""

from __future__ import annotations

import warnings
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from hippocampus_methods import (
    THRESHOLD,
    Scored,
    forest,
    linear,
    mapie_interval,
    own_interval,
    quantile_boosting,
    segqc_default,
    single_feature,
)
from numpy.typing import NDArray
from scipy.stats import binom, spearmanr

from segqc_conformal.calibrators import AcceptThreshold, accept_grid
from segqc_conformal.quality.risk_coverage import aurc

SIZES = {"fit": 60, "calibration": 80, "test": 80}
TOLERATED = (0.05, 0.10, 0.20)
CONFIDENCE = 0.9
OURS = "segqc-conformal"
Rows = list[dict[str, Any]]


class SplitResult(NamedTuple):
    """What one split measured: one row each for intervals, rankings, acceptance and widths."""

    intervals: Rows
    rankings: Rows
    acceptance: Rows
    widths: Rows
    chosen: str


def world_rows(table: pd.DataFrame, world: str, seed: int) -> pd.DataFrame:
    """Keep one case per patient: "clean", "degraded", or ("mixed") one of the two at random."""
    if world != "mixed":
        return table[table["version"] == world]
    patients = sorted(table["patient_id"].unique())
    degraded = dict(
        zip(patients, np.random.default_rng([seed, 1]).random(len(patients)) < 0.5, strict=True)
    )
    wanted = table["patient_id"].map(lambda name: "degraded" if degraded[name] else "clean")
    return table[table["version"] == wanted]


def split_rows(rows: pd.DataFrame, seed: int) -> Scored:
    """Split patients at random into fit, calibration and test."""
    order = np.random.default_rng([seed, 0]).permutation(sorted(rows["patient_id"].unique()))
    parts, start = {}, 0
    for name, size in SIZES.items():
        parts[name] = rows[rows["patient_id"].isin(order[start : start + size])]
        start += size
    return parts


def measure_split(table: pd.DataFrame, world: str, seed: int) -> SplitResult:
    """Fit, calibrate and test every method on one split."""
    parts = split_rows(world_rows(table, world, seed), seed)
    structures = tuple(sorted(table["structure"].unique()))
    ours, chosen = segqc_default(parts, structures)
    methods = {
        OURS: ours,
        "MAPIE, linear regression": linear(parts, structures),
        "MAPIE, random forest": forest(parts, structures),
        "MAPIE CQR, gradient boosting": quantile_boosting(parts, structures),
        "pairwise Dice": single_feature(parts, structures, "feature_pairwise_dice"),
        "Soft Dice Confidence": single_feature(parts, structures, "feature_soft_dice_confidence"),
    }
    result = SplitResult([], [], [], [], chosen)
    for method, scored in methods.items():
        for structure in (*structures, "whole_case"):
            here = {name: rows[rows["structure"] == structure] for name, rows in scored.items()}
            place = {"world": world, "split": seed, "method": method, "structure": structure}
            _add_interval(result, place, here)
            result.rankings.append({**place, **_ranking(here["test"])})
            _add_acceptance(result, place, here)
    return result


def _known(rows: pd.DataFrame) -> pd.DataFrame:
    return rows[rows["predicted_dice"].notna()]


def _add_interval(result: SplitResult, place: dict[str, Any], parts: Scored) -> None:
    calibration, test = _known(parts["calibration"]), _known(parts["test"])
    interval = mapie_interval if place["method"].startswith("MAPIE") else own_interval
    low, high = interval(calibration, test).T
    dice = test["dice"].to_numpy()
    result.intervals.append(
        {
            **place,
            "coverage": float(((low <= dice) & (dice <= high)).mean()),
            "width": float((high - low).mean()),
            "empty": len(parts["test"]) - len(test),
        }
    )
    result.widths.extend(
        {**place, "patient_id": patient, "width": width}
        for patient, width in zip(test["patient_id"], (high - low).tolist(), strict=True)
    )


def _ranking(test: pd.DataFrame) -> dict[str, float]:
    known = _known(test)
    predicted, dice = known["predicted_dice"].to_numpy(), known["dice"].to_numpy()
    return {
        "aurc": aurc(test["accept_score"], 1.0 - test["dice"]),
        "aurc_bad": aurc(test["accept_score"], (test["dice"] <= THRESHOLD).astype(float)),
        "aurc_best": aurc(test["dice"], 1.0 - test["dice"]),
        "pearson": float(np.corrcoef(predicted, dice)[0, 1]),
        "spearman": float(spearmanr(known["accept_score"], dice).statistic),
        "mae": float(np.abs(predicted - dice).mean()),
    }


def _add_acceptance(result: SplitResult, place: dict[str, Any], parts: Scored) -> None:
    if place["method"].startswith("MAPIE"):
        return  # MAPIE's controller gets the accept score of this package, below
    bad = (parts["test"]["dice"] <= THRESHOLD).to_numpy()
    for tolerated in TOLERATED:
        rules = {place["method"]: _own_rule(parts, tolerated)}
        if place["method"] == OURS:
            rules["MAPIE controller, our score"] = _mapie_rule(parts, tolerated)
        for method, accept in rules.items():
            row = {**place, "method": method, "tolerated": tolerated}
            result.acceptance.append({**row, **_accepted(accept, bad, tolerated)})


def _accepted(
    accept: NDArray[np.bool_] | None, bad: NDArray[np.bool_], tolerated: float
) -> dict[str, Any]:
    if accept is None:
        return {"certified": False, "accepted": 0, "wrong": 0, "rejected": False}
    count, wrong = int(accept.sum()), int((accept & bad).sum())
    # counts against the promise only where chance alone cannot explain it
    rejected = bool(count and binom.sf(wrong - 1, count, tolerated) < 0.01)
    return {"certified": True, "accepted": count, "wrong": wrong, "rejected": rejected}


def _own_rule(parts: Scored, tolerated: float) -> NDArray[np.bool_] | None:
    calibration = parts["calibration"]
    grid = accept_grid(
        parts["fit"]["accept_score"],
        len(calibration),
        tolerated,
        CONFIDENCE,
        tuning_bad=parts["fit"]["dice"] <= THRESHOLD,
    )
    certificate = AcceptThreshold(THRESHOLD, tolerated, CONFIDENCE).calibrate(
        calibration["accept_score"], calibration["dice"], grid
    )
    if certificate.threshold is None:
        return None
    return np.asarray(certificate.accept(parts["test"]["accept_score"]))


def _mapie_rule(parts: Scored, tolerated: float) -> NDArray[np.bool_] | None:
    """MAPIE at its best setting seen: the default grid of 100 thresholds, Bonferroni.

    The score is handed over as its rank among the fit patients' scores, which spreads it over
    [0, 1] as the default grid expects.
    """
    from mapie.risk_control import BinaryClassificationController, precision

    ranks = np.sort(parts["fit"]["accept_score"].to_numpy())

    def probability(scores: NDArray[np.float64]) -> NDArray[np.float64]:
        share = np.searchsorted(ranks, scores[:, 0], side="right") / (ranks.size + 1)
        return np.column_stack([1 - share, share])

    score = {name: rows[["accept_score"]].to_numpy() for name, rows in parts.items()}
    good = (parts["calibration"]["dice"] > THRESHOLD).astype(int).to_numpy()
    controller = BinaryClassificationController(
        probability,
        precision,
        target_level=1 - tolerated,
        confidence_level=CONFIDENCE,
        fwer_method="bonferroni",
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # "no valid threshold" is a result here
        controller.calibrate(score["calibration"], good)
        if controller.best_predict_param is None:
            return None
        return np.asarray(controller.predict(score["test"]) == 1)
