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
    more: int = 0,
) -> pd.DataFrame:
    """Return one case for each patient; `away` is how far it lies from the good ones.

    Two features go together, the third is skewed, and so are half of those that are `more`.
    """
    rng = np.random.default_rng(seed)
    names = [f"{seed}-{number}" for number in range(patients)]
    rows = [(f"c{name}", f"p{name}", structure) for name in names for structure in structures]
    table = pd.DataFrame(rows, columns=["case_id", "patient_id", "structure"])
    values = rng.normal(size=(len(table), len(FEATURES) + more))
    values[:, 1] += values[:, 0]
    values[:, 2::2] = np.exp(values[:, 2::2])
    values[:, 0] += away
    columns = [*FEATURES, *(f"feature_more_{number}" for number in range(more))]
    table[columns] = values
    identity = {"model_id": "m", "sampler_id": "s", "schema_version": "1", "judged": "deployed"}
    return table.assign(dice=dice, **identity)
