"""Feature tables of patients whose features, where they are good, have one law."""

from __future__ import annotations

import numpy as np
import pandas as pd

__all__ = ["FEATURES", "drawn"]

FEATURES = ["feature_a", "feature_b", "feature_c"]


def drawn(
    patients: int,
    seed: int,
    structures: tuple[str, ...] = ("liver",),
    away: float = 0.0,
    dice: float = 0.9,
) -> pd.DataFrame:
    """Return one case for each patient; `away` is how far it lies from the good ones."""
    rng, rows = np.random.default_rng(seed), []
    for number in range(patients):
        name = f"{seed}-{number}"
        for structure in structures:
            a, b, c = rng.normal(size=3)
            rows.append((f"c{name}", f"p{name}", structure, a + away, a + b, np.exp(c)))
    table = pd.DataFrame(rows, columns=["case_id", "patient_id", "structure", *FEATURES])
    identity = {"model_id": "m", "sampler_id": "s", "schema_version": "1", "judged": "deployed"}
    return table.assign(dice=dice, **identity)
