"""One split of the patients: fit, calibrate and test every method on the same rows."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.stats import binom, spearmanr
from splits_accept import mapie_rule, own_rule
from splits_methods import BASELINES, OURS, THRESHOLD, Scored, own_interval, segqc_default

from segqc_conformal.evaluation.area_under_risk import aurc

SIZES = {"fit": 60, "calibration": 80, "test": 80}
TOLERATED = (0.05, 0.10, 0.20)
Rows = list[dict[str, Any]]
Interval = Callable[[pd.DataFrame, pd.DataFrame], NDArray[np.float64]]


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
    result = SplitResult([], [], [], [], chosen)
    at = {"world": world, "split": seed}
    for structure, here in _by_structure(ours):
        place = {**at, "method": OURS, "structure": structure}
        _add(result, place, here, own_interval)
        _add_acceptance(result, place, here)
    for name, method in BASELINES.items():
        for structure, here in _by_structure(method.score(parts, structures)):
            place = {**at, "method": name, "structure": structure}
            _add(result, place, here, method.interval)
    return result


def _by_structure(scored: Scored) -> Iterator[tuple[str, Scored]]:
    for structure in scored["test"]["structure"].unique():
        yield (
            structure,
            {name: rows[rows["structure"] == structure] for name, rows in scored.items()},
        )


def _known(rows: pd.DataFrame) -> pd.DataFrame:
    return rows[rows["predicted_dice"].notna()]


def _add(result: SplitResult, place: dict[str, Any], parts: Scored, interval: Interval) -> None:
    calibration, test = _known(parts["calibration"]), _known(parts["test"])
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
    result.rankings.append({**place, **_ranking(parts["test"])})


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
    bad = (parts["test"]["dice"] <= THRESHOLD).to_numpy()
    for tolerated in TOLERATED:
        rules = {
            OURS: own_rule(parts, tolerated),
            "MAPIE controller, our score": mapie_rule(parts, tolerated),
        }
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
