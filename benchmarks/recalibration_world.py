"""A world that changes and whose truth is known: repeats are independent, as the law needs."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from monitors_real import SITE
from recalibration_fresh import SIZES, Held, held, recalibrated
from recalibration_law import law_row
from scipy.special import expit

import segqc_conformal as sq

FIRST = 400  # patients of the first calibration, half of them fit
CELLS = len(SIZES)
TWINS = ("patients from before the change", "accepted patients only")


def patients(count: int, changed: bool, rng: np.random.Generator) -> pd.DataFrame:
    """Draw a feature table of new patients.

    After the change features are lower, the same features mean a lower Dice, and Dice scatters
    more, most where it is low.
    """
    quality = rng.normal(size=count) - 0.5 * changed
    agreement = quality + rng.normal(0, 0.3, count)
    spread = 0.3 + changed * (0.1 + 0.6 * expit(-4 * quality))
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
            "dice": expit(1.6 - 0.1 * changed + 0.8 * quality + rng.normal(0, spread)),
            "feature_agreement": agreement,
            "feature_noise": rng.normal(size=count),
        }
    )


def deployed(rng: np.random.Generator) -> sq.CalibratedGate:
    """Calibrate the gate that is in force when the world changes."""
    from sklearn.compose import make_column_transformer
    from sklearn.linear_model import Ridge
    from sklearn.pipeline import make_pipeline

    seen = make_column_transformer(("passthrough", ["feature_agreement", "feature_noise"]))
    settings = sq.QualityGate(tolerated_error=0.2)
    table = patients(FIRST, False, rng)
    return settings.calibrate(table, candidates={"ridge": make_pipeline(seen, Ridge())})


def simulated(repeats: int, judged: int, seed: int) -> list[dict[str, Any]]:
    """Recalibrate many times with fresh draws: coverage of ours and of its twins by size."""
    rng = np.random.default_rng(seed)
    gate = deployed(rng)
    rows = []
    for size in SIZES:
        ours, stale, accepted = ([] for _ in range(3))
        refused = 0
        for _ in range(repeats):
            new = patients(judged, True, rng)
            version = recalibrated(gate, patients(size, True, rng))
            if version is None:
                refused += 1
                continue
            ours.append(held(version, new))
            stale.append(_held(gate, patients(size, False, rng), new))
            accepted.append(_held(gate, _accepted(gate, size, rng), new))
        row = law_row(ours, CELLS) | {"fresh": size, "refused": refused}
        for name, twin in zip(TWINS, (stale, accepted), strict=True):
            row |= {name: law_row([each for each in twin if each], CELLS)}
        rows.append(row)
    return rows


def _held(gate: sq.CalibratedGate, fresh: pd.DataFrame, new: pd.DataFrame) -> Held | None:
    version = recalibrated(gate, fresh)
    return None if version is None else held(version, new)


def _accepted(gate: sq.CalibratedGate, size: int, rng: np.random.Generator) -> pd.DataFrame:
    drawn = patients(20 * size, True, rng)
    verdicts = gate.judge(drawn)
    accepted = verdicts.loc[verdicts["accept"].astype(bool), "case_id"]
    return drawn[drawn["case_id"].isin(accepted)].head(size)
