from collections.abc import Callable

import numpy as np
import pandas as pd
import pytest

from segqc_conformal.whole_case import whole_case_rows

Cohort = Callable[..., pd.DataFrame]
NAMES = ("anterior", "posterior")


@pytest.fixture
def rows(cohort: Cohort) -> pd.DataFrame:
    table = cohort(30)
    rng = np.random.default_rng(1)
    table["predicted_dice"], table["scale"] = rng.uniform(size=60), rng.uniform(0.1, 1, size=60)
    table["accept_score"] = (table["predicted_dice"] - 0.8) / table["scale"]
    return table


def test_each_number_is_the_worst_one_by_brute_force(rows: pd.DataFrame) -> None:
    whole = whole_case_rows(rows, NAMES).set_index("case_id")
    assert len(whole) == 30
    for case_id, part in rows.groupby("case_id"):
        found, worst = whole.loc[case_id], part.loc[part["predicted_dice"].idxmin()]
        assert found["structure"] == "whole_case"
        assert found["dice"] == part["dice"].min()
        assert found["accept_score"] == part["accept_score"].min()
        assert (found["predicted_dice"], found["scale"]) == (
            worst["predicted_dice"],
            worst["scale"],
        )
        assert found["patient_id"] == worst["patient_id"]
    assert whole.filter(like="feature_").isna().all(axis=None)


def test_an_empty_structure_makes_the_case_empty(rows: pd.DataFrame) -> None:
    rows.loc[1, ["predicted_dice", "scale", "accept_score"]] = [np.nan, np.nan, -np.inf]
    found = whole_case_rows(rows, NAMES).iloc[0]
    assert np.isnan(found["predicted_dice"])
    assert found["accept_score"] == -np.inf


def test_an_unknown_dice_makes_the_case_unknown(rows: pd.DataFrame) -> None:
    rows.loc[0, "dice"] = np.nan
    dice = whole_case_rows(rows, NAMES)["dice"]
    assert dice.isna().tolist() == [True] + [False] * 29


def test_an_incomplete_case_has_no_row(rows: pd.DataFrame) -> None:
    whole = whole_case_rows(rows.drop(index=0), NAMES)
    assert "c0000" not in set(whole["case_id"])
    assert len(whole) == 29
    assert whole_case_rows(rows[rows["structure"] == "anterior"], NAMES).empty
    assert whole_case_rows(rows.iloc[:0], NAMES).empty


def test_a_single_structure_needs_no_whole_case(rows: pd.DataFrame) -> None:
    assert whole_case_rows(rows, ("anterior",)).empty


def test_the_rows_given_stay_as_they_were(rows: pd.DataFrame) -> None:
    before = rows.copy(deep=True)
    whole_case_rows(rows, NAMES)
    pd.testing.assert_frame_equal(rows, before)
