"""What reverse Dice adds to uncertainty, on made-up tables."""

import numpy as np
import pandas as pd
import pytest
from reverse_classification_measure import ALONE, measured, rank_correlation
from reverse_classification_page import section


def made_up(error: float, patients: int = 50) -> pd.DataFrame:
    """Return a table whose reverse Dice is the true one with an error, and two weak features."""
    rng = np.random.default_rng(0)
    names = [f"p{number:02d}" for number in range(patients)]
    rows = pd.MultiIndex.from_product([names, ["a", "b"]], names=["patient_id", "structure"])
    table = rows.to_frame(index=False)
    dice = rng.beta(6.0, 2.0, len(table))
    weak = np.clip(dice + rng.normal(0.0, 0.3, len(table)), 0.01, 0.99)
    reverse = np.clip(dice + error * rng.normal(size=len(table)), 0.01, 0.99)
    return table.assign(
        dice=dice,
        feature_volume_ml=np.where(np.arange(len(table)) == 0, 0.0, 1.0),
        feature_pairwise_dice=weak,
        feature_soft_dice_confidence=weak**2,
        feature_reverse_dice_max=reverse,
        feature_reverse_dice_median=reverse - 0.005,
    )


@pytest.fixture(scope="module")
def figures() -> dict[str, object]:
    tables = {"sharp": made_up(0.05), "blunt": made_up(5.0)}
    of = {"settings": "S()", "candidates": 1, "seconds": 0.5}
    return {
        "references": 3,
        "nearest": 2,
        "choosing": 4,
        "backends": dict.fromkeys(tables, of),
        **measured(tables, replicates=200),
    }


def test_a_sharp_backend_adds_to_uncertainty_and_a_blunt_one_does_not(
    figures: dict[str, list[dict[str, list[float]]]],
) -> None:
    rows = {(str(row["structure"]), str(row["score"])): row for row in figures["rows"]}
    assert figures["left_out"] == 1
    for structure, cases in (("a", 49), ("b", 50)):
        assert rows[structure, "sharp"]["cases"] == cases
        assert rows[structure, "sharp"]["spearman"][0] > 0.9 > 0.4
        assert abs(rows[structure, "blunt"]["spearman"][0]) < 0.4
        assert rows[structure, f"{ALONE} + sharp"]["less"][2] < 0.0
        assert rows[structure, f"{ALONE} + blunt"]["less"][2] > 0.0
        assert rows[structure, ALONE]["less"] == [0.0, 0.0, 0.0]


def test_settings_are_ranked_by_the_mean_over_structures() -> None:
    assert rank_correlation(made_up(0.05)) > 0.9
    assert rank_correlation(made_up(0.05)) > rank_correlation(made_up(0.5))


def test_the_page_names_where_something_was_gained(figures: dict[str, object]) -> None:
    text = section(figures)
    assert "lowers AURC for: a (sharp), b (sharp)." in text
    assert text.count("| sharp |") == 3
