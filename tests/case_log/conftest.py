"""Tables that the tests of the case log add to it."""

from collections.abc import Callable

import numpy as np
import pandas as pd
import pytest


def _verdict_table(names: list[str], patients: list[str] | None = None) -> pd.DataFrame:
    rows = []
    for i, name in enumerate(names):
        for structure in ("anterior", "posterior", "whole_case"):
            rows.append(
                {
                    "case_id": name,
                    "patient_id": (patients or names)[i],
                    "structure": structure,
                    "site": "A",
                    "time": pd.NaT,
                    "predicted_dice": 0.9,
                    "dice_low": 0.8,
                    "dice_high": 1.0,
                    "accept": True,
                    "accept_score": 2.0 + i,
                    "reason": "certified",
                    "message": "",
                    "model_id": "m",
                    "calibration": "f00d",
                }
            )
    return pd.DataFrame(rows)


def _feature_table(names: list[str], patients: list[str] | None = None) -> pd.DataFrame:
    verdicts = _verdict_table(names, patients)
    rows = verdicts[verdicts["structure"] != "whole_case"]
    rows = rows[["case_id", "patient_id", "structure", "site", "time", "model_id"]].copy()
    rows["sampler_id"], rows["schema_version"], rows["judged"] = "s", "1", "deployed"
    rows["failed"], rows["dice"] = None, np.nan
    rows["feature_x"] = np.arange(len(rows)) / 8
    return rows


@pytest.fixture
def verdict_table() -> Callable[..., pd.DataFrame]:
    """Make a verdict table of cases, each with two structures and the whole case."""
    return _verdict_table


@pytest.fixture
def feature_table() -> Callable[..., pd.DataFrame]:
    """Make the feature table that belongs to it."""
    return _feature_table
