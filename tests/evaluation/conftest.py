"""A labelled feature table with good, turned, constant and ready-made predictors."""

import numpy as np
import pandas as pd
import pytest


@pytest.fixture(scope="session")
def table() -> pd.DataFrame:
    rng = np.random.default_rng(3)
    dice = rng.beta(8, 1.5, 80)
    empty = np.arange(80) % 20 == 3
    return pd.DataFrame(
        {
            "case_id": [f"c{i}" for i in range(80)],
            "patient_id": [f"p{i}" for i in range(80)],
            "structure": "lesion",
            "model_id": "m",
            "sampler_id": "s",
            "schema_version": "1",
            "judged": "fused",
            "dice": np.where(empty, 0.0, dice),
            "feature_pairwise_dice": np.clip(dice + rng.normal(0, 0.05, 80), 0, 1),
            "feature_entropy": 1 - dice + rng.normal(0, 0.1, 80),
            "feature_volume_ml": np.where(empty, 0.0, 1 + rng.random(80)),
            "feature_constant": 1.0,
            "feature_head": np.clip(dice / 2 + rng.normal(0, 0.02, 80), 0, 1),
            "network": np.clip(dice + rng.normal(0, 0.02, 80), 0, 1),
        }
    )
