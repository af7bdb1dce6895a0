"""Quality predictors side by side, on two splits of made-up patients."""

import numpy as np
import pandas as pd
import pytest
from predictors_measure import DataSet, Outcome, measure_split
from predictors_methods import DEFAULT, METHODS
from predictors_oracle import oracles
from predictors_page import section
from predictors_summary import summary


def made_up(patients: int) -> pd.DataFrame:
    """Return patients in three versions; two features tell Dice, one of them shifts."""
    rng, rows = np.random.default_rng(0), []
    for version, loss in (("clean", 0.0), ("degraded", 0.15), ("new", 0.4)):
        ease = rng.normal(size=patients)
        dice = np.clip(0.9 - 0.08 * np.exp(-ease) - loss * rng.random(patients), 0.02, 0.98)
        soft = np.clip(dice + rng.normal(0, 0.05, patients), 0.01, 0.99)
        for number in range(patients):
            rows.append((f"p{number:03d}", version, dice[number], soft[number], ease[number]))
    names = ["patient_id", "version", "dice", "feature_soft_dice_confidence", "feature_ease"]
    table = pd.DataFrame(rows, columns=names)
    return table.assign(
        case_id=table["patient_id"] + "-" + table["version"],
        structure="s",
        feature_pairwise_dice=table["feature_soft_dice_confidence"] ** 2,
        feature_volume_ml=1.0,
    )


@pytest.fixture(scope="module")
def splits() -> list[list[Outcome]]:
    data = DataSet("made up", made_up(110), "new", 40, 40, 30)
    return [measure_split(data, seed) for seed in range(2)]


def test_every_method_is_tested_on_the_same_patients_of_every_version(
    splits: list[list[Outcome]],
) -> None:
    for split in splits:
        assert {each.method for each in split} == set(METHODS)
        assert {each.version for each in split} == {"clean", "degraded", "shifted"}
        patients = {(each.version, each.patients) for each in split}
        assert len(patients) == 3
        assert {len(each.patients) for each in split} == {30}


def test_the_page_compares_the_default_with_the_best_other_method(
    splits: list[list[Outcome]],
) -> None:
    rows = summary(splits)
    assert len(rows) == 3 * len(METHODS)
    for row in rows:
        assert row["difference_low"] <= row["difference"] + 0.01
        assert row["difference_high"] >= row["difference"] - 0.01
        if row["method"] == row["best_other"]:
            assert row["difference"] == row["difference_low"] == row["difference_high"] == 0.0
    found = {"splits": 2, "sizes": (40, 40, 30), "rows": rows}
    text = section({"hippocampus": found})
    assert text.count(f"| **{DEFAULT}** |") == 3
    assert "target 10 %" in text


def test_oracles_know_the_other_structure_and_choose_on_the_cases_themselves() -> None:
    table = made_up(110)
    other = table.assign(structure="t", dice=table["dice"] ** 2)
    both = oracles(DataSet("made up", pd.concat([table, other]), "new", 40, 40, 30))
    (alone,) = oracles(DataSet("made up", table, "new", 40, 40, 30))
    assert [found["other_structures"] for found in both] == pytest.approx([1.0, 1.0])
    assert alone["other_structures"] is None
    assert (alone["best"], alone["features"]) == ("ease", 4)
    assert alone["best_spearman"] == pytest.approx(1.0)


def test_a_method_that_ranks_at_random_is_found_worse() -> None:
    rng = np.random.default_rng(1)
    dice, patients = rng.random(60), tuple(f"p{number}" for number in range(60))

    def tested(method: str, score: np.ndarray) -> Outcome:
        return Outcome(method, "clean", "s", patients, score, score, dice, {})

    good = dice + rng.normal(0, 0.1, 60)
    tests = [tested(name, good) for name in METHODS if name != DEFAULT]
    split = [*tests, tested(DEFAULT, rng.random(60))]
    (row,) = (each for each in summary([split]) if each["method"] == DEFAULT)
    assert row["difference_low"] > 0.05
