"""One split of the patients: every quality predictor on the same fit, calibration and test rows."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from predictors_methods import METHODS, THRESHOLD, Fitted
from splits_measure import world_rows

from segqc_conformal.calibrators import AcceptThreshold, DiceInterval
from segqc_conformal.calibrators.accept_grid import accept_grid
from segqc_conformal.scoring import empty_prediction

MISCOVERAGE, CONFIDENCE = 0.1, 0.9
TOLERATED = (0.10, 0.20)


class DataSet(NamedTuple):
    """A feature table by version, the version that is new, and how many patients do what."""

    name: str
    table: pd.DataFrame
    shifted: str
    fit: int
    calibration: int
    test: int


class Outcome(NamedTuple):
    """What a method says of the test cases of one version and structure."""

    method: str
    version: str
    structure: str
    patients: tuple[str, ...]
    score: NDArray[np.float64]
    predicted: NDArray[np.float64]
    dice: NDArray[np.float64]
    promises: dict[str, float]


Method = Callable[[pd.DataFrame], Fitted]


def measure_split(data: DataSet, seed: int) -> list[Outcome]:
    """Measure every predictor on one split."""
    return measured(data, seed, METHODS)


def measured(data: DataSet, seed: int, methods: Mapping[str, Method]) -> list[Outcome]:
    """Fit and calibrate on clean and degraded cases, test on each version by itself."""
    warnings.simplefilter("ignore")
    fit, calibration, tests = parts_of(data, seed)
    return [
        outcome
        for name, method in methods.items()
        for outcome in _outcomes(name, method, fit, calibration, tests)
    ]


def parts_of(
    data: DataSet, seed: int
) -> tuple[pd.DataFrame, pd.DataFrame, dict[str, pd.DataFrame]]:
    """Draw the patients of a split: rows that fit, that calibrate, and test rows by version."""
    table = data.table[~empty_prediction(data.table)]
    known = table[table["version"] != data.shifted]
    order = np.random.default_rng([seed, 0]).permutation(sorted(known["patient_id"].unique()))
    ends = np.cumsum([data.fit, data.calibration, data.test])
    fit_names, calibration_names, test_names = np.split(order, ends)[:3]
    mixed = world_rows(known, "mixed", seed)
    fit, calibration = (
        mixed[mixed["patient_id"].isin(names)] for names in (fit_names, calibration_names)
    )
    tests = {
        str(version): rows[rows["patient_id"].isin(test_names)]
        for version, rows in known.groupby("version")
    }
    shifted = table[table["version"] == data.shifted]
    same_patients = shifted["patient_id"].isin(order).any()
    tests["shifted"] = shifted[shifted["patient_id"].isin(test_names)] if same_patients else shifted
    return fit, calibration, tests


def _outcomes(
    name: str,
    method: Method,
    fit: pd.DataFrame,
    calibration: pd.DataFrame,
    tests: dict[str, pd.DataFrame],
) -> list[Outcome]:
    out, predict = method(fit)
    fit, calibration = fit.assign(**out), _with(calibration, predict(calibration))
    found = []
    for version, rows in tests.items():
        judged = _with(rows, predict(rows))
        for structure, test in judged.groupby("structure"):
            here = [part[part["structure"] == structure] for part in (fit, calibration)]
            found.append(
                Outcome(
                    name,
                    version,
                    str(structure),
                    tuple(test["patient_id"]),
                    test["score"].to_numpy(),
                    test["predicted_dice"].to_numpy(),
                    test["dice"].to_numpy(),
                    _promises(*here, test),
                )
            )
    return found


def _with(rows: pd.DataFrame, predicted: pd.DataFrame) -> pd.DataFrame:
    return rows.assign(**predicted[["predicted_dice", "scale", "score"]])


def _promises(fit: pd.DataFrame, calibration: pd.DataFrame, test: pd.DataFrame) -> dict[str, float]:
    found: dict[str, Any] = {}
    if test["predicted_dice"].notna().all():
        certificate = DiceInterval(MISCOVERAGE).calibrate(
            calibration["predicted_dice"], calibration["dice"], calibration["scale"]
        )
        low, high = certificate.interval(test["predicted_dice"], test["scale"])
        inside = (low <= test["dice"]) & (test["dice"] <= high)
        found |= {"width": float((high - low).mean()), "coverage": float(inside.mean())}
    for tolerated in TOLERATED:
        scores = [_accept_score(part) for part in (fit, calibration, test)]
        bad = fit["dice"].to_numpy() <= THRESHOLD
        grid = accept_grid(scores[0], len(calibration), tolerated, CONFIDENCE, tuning_bad=bad)
        rule = AcceptThreshold(THRESHOLD, tolerated, CONFIDENCE)
        certificate_ = rule.calibrate(scores[1], calibration["dice"], grid)
        name = f"{100 * tolerated:.0f}"
        found[f"certified_{name}"] = float(certificate_.certified)
        found[f"accepted_{name}"] = float(certificate_.accept(scores[2]).mean())
    return found


def _accept_score(rows: pd.DataFrame) -> NDArray[np.float64]:
    """Return how far Dice lies above the threshold in scales; the score where it says no Dice."""
    if rows["predicted_dice"].isna().any():
        return rows["score"].to_numpy(np.float64)
    return ((rows["predicted_dice"] - THRESHOLD) / rows["scale"]).to_numpy(np.float64)
