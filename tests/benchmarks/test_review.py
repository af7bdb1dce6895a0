"""The review benchmark on made-up slices: perfect scores reach the limit, useless ones do not."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pandas as pd
import pytest
from page import FOLDER
from review_cases import PATCH_VALUES, SLICE_SCORES
from review_figure import PATH, figure
from review_measure import measured
from review_page import section

USEFUL = "expected_error_sum"


def made_up(patients: int) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Return slices of which one score is the error itself, and the others are noise."""
    rng, slices, patches = np.random.default_rng(0), [], []
    for patient in range(patients):
        for structure in ("a", "b"):
            wrong = rng.exponential(0.02, 12) * (rng.random(12) < 0.4)
            judged = np.full(12, 200.0)
            shared = judged - 2000.0 * wrong.clip(max=0.1)
            slices.append(
                pd.DataFrame(
                    {
                        "case_id": f"p{patient}-clean",
                        "structure": structure,
                        "slice": np.arange(12),
                        **{name: rng.random(12) for name in SLICE_SCORES},
                        USEFUL: wrong,
                        "judged": judged,
                        "reference": judged,
                        "shared": shared,
                        "dice": shared / judged,
                        "wrong_ml": wrong,
                        "intolerable_ml": np.where(wrong > 0.03, wrong, 0.0),
                        "case_doubt": wrong.mean(),
                        "region": 0.0,
                        "patient_id": f"p{patient}",
                        "version": "clean",
                    }
                )
            )
            count = rng.integers(0, 5, 30)
            doubt = {name: count + rng.random(30) for name in PATCH_VALUES}
            ids = {"case_id": f"p{patient}-clean", "structure": structure, "unlisted": 1}
            patches.append(pd.DataFrame({**ids, **doubt, "wrong": count}))
    table = pd.concat(slices, ignore_index=True)
    unlisted = table["slice"] == 11
    return table.assign(**{name: table[name].mask(unlisted) for name in SLICE_SCORES}), pd.concat(
        patches, ignore_index=True
    )


@pytest.fixture(scope="module")
def figures() -> dict[str, Any]:
    return measured(*made_up(12))


def test_a_perfect_score_is_near_the_limit_and_noise_is_chance(figures: dict[str, Any]) -> None:
    rows = {(row["target"], row["order"]): row for row in figures["rows"]}
    perfect, chance = (figures["limits"]["wrong_ml"][name][0] for name in ("perfect", "random"))
    useful, noise = rows["wrong_ml", USEFUL], rows["wrong_ml", "b_map_sum"]
    assert perfect - 0.05 < useful["area"] <= perfect
    assert abs(noise["area"] - chance) < 0.1
    assert useful["area_low"] <= useful["area"] <= useful["area_high"]
    assert figures["slices"] == 12 * 11
    assert 0.0 < figures["unlisted"]["wrong_ml"] < 0.2


def test_correcting_raises_dice_and_the_useful_order_most(figures: dict[str, Any]) -> None:
    rows = {row["order"]: row for row in figures["dice"]}
    for row in rows.values():
        assert row["mean_0"] < row["mean_10"] < row["mean_30"]
    assert rows[USEFUL]["mean_10"] > rows["b_map_sum"]["mean_10"]


def test_page_and_figure_hold_every_order(figures: dict[str, Any]) -> None:
    whole = {"date": "2026-01-01", "minutes": 1.0, "processes": 2, "versions": {"numpy": "2"}}
    text = section({**whole, **figures})
    for row in figures["rows"]:
        assert f"| {row['order'].replace('_', ' ')} |" in text
    assert figure(figures["curves"]).count("<polyline") == len(figures["curves"])


def test_committed_figure_is_that_of_the_figures() -> None:
    saved = json.loads((FOLDER / "review.json").read_text())
    assert PATH.read_text() == figure(saved["curves"])
