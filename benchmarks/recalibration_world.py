"""A world that changes and whose truth is known: repeats are independent, as the law needs."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import numpy as np
import pandas as pd
from monitors_real import SITE, TOLERATED_ERROR
from recalibration_fresh import SIZES, Held, held, recalibrated
from recalibration_law import law_row
from scipy.special import expit

import segqc_conformal as sq

FIRST = 400  # patients of the first calibration, half of them fit
OURS = "random patients of the new kind"
STALE, ACCEPTED = TWINS = ("patients from before the change", "accepted patients only")


def patients(count: int, changed: bool, rng: np.random.Generator) -> pd.DataFrame:
    """Draw a feature table of new patients.

    After the change features and Dice are lower, and Dice scatters more, most where the features
    are low: there the gate refers.
    """
    quality = rng.normal(size=count) - changed
    agreement = quality + rng.normal(0, 0.3, count)
    spread = 0.3 + changed * (0.1 + 0.3 * expit(-10 * (agreement + 0.5)))
    names = [f"p{number:012d}" for number in rng.integers(10**12, size=count)]
    return pd.DataFrame(
        {
            "case_id": [f"c{name}" for name in names],
            "patient_id": names,
            "structure": "liver",
            "site": SITE,
            "model_id": "m",
            "sampler_id": "s",
            "schema_version": "standard/1",
            "judged": "fused",
            "dice": expit(1.6 + 0.8 * quality + rng.normal(0, spread)),
            "feature_agreement": agreement,
            "feature_noise": rng.normal(size=count),
        }
    )


def calibrated(table: pd.DataFrame, fit_patients: Sequence[str] | None = None) -> sq.CalibratedGate:
    """Calibrate a gate on patients of this world."""
    from sklearn.compose import make_column_transformer
    from sklearn.linear_model import Ridge
    from sklearn.pipeline import make_pipeline

    seen = make_column_transformer(("passthrough", ["feature_agreement", "feature_noise"]))
    candidates = {"ridge": make_pipeline(seen, Ridge())}
    settings = sq.QualityGate(tolerated_error=TOLERATED_ERROR)
    return settings.calibrate(table, fit_patients, candidates=candidates)


def simulated(repeats: int, judged: int, seed: int) -> list[dict[str, Any]]:
    """Recalibrate many times with fresh draws; coverage of ours and of its twins by size.

    Parameters
    ----------
    repeats : int
        Of each size; a quarter as many of each twin.
    judged : int
        New patients that each version judges.
    seed : int
    """
    rng = np.random.default_rng(seed)
    gate = calibrated(patients(FIRST, False, rng))
    rows = []
    for size in SIZES:
        draws: dict[str, Callable[[], pd.DataFrame]] = {
            OURS: partial(patients, size, True, rng),
            STALE: partial(patients, size, False, rng),
            ACCEPTED: partial(_accepted, gate, size, rng),
        }
        row: dict[str, Any] = {"fresh": size}
        for who, draw in draws.items():
            times = repeats if who == OURS else repeats // 4
            found = [_repeat(gate, draw(), judged, rng) for _ in range(times)]
            known = [each for each in found if each is not None]
            row[who] = {"vetoed": times - len(known), **law_row(known, len(SIZES))}
        rows.append(row)
    return rows


def _repeat(
    gate: sq.CalibratedGate, fresh: pd.DataFrame, judged: int, rng: np.random.Generator
) -> Held | None:
    version = recalibrated(gate, fresh)
    return None if version is None else held(version, patients(judged, True, rng))


def _accepted(gate: sq.CalibratedGate, size: int, rng: np.random.Generator) -> pd.DataFrame:
    drawn = patients(5 * size, True, rng)
    verdicts = gate.judge(drawn)
    accepted = verdicts.loc[verdicts["accept"].astype(bool), "case_id"]
    return drawn[drawn["case_id"].isin(accepted)].head(size)
