"""Verified merges on two splits of made-up patients."""

import numpy as np
import pandas as pd
import pytest
from refinement_measure import Split, measure_split, summary
from refinement_page import section

from segqc_conformal.review import HarmThreshold


def made_up(patients: int) -> pd.DataFrame:
    """Return six regions per patient, good or bad, and a feature that nearly says which."""
    rng, count = np.random.default_rng(0), 6 * patients
    gain = rng.choice([-0.02, 0.02], count)
    names = np.repeat([f"p{number:03d}" for number in range(patients)], 6)
    return pd.DataFrame(
        {
            "case_id": names,
            "patient_id": names,
            "region": np.tile(np.arange(1, 7), patients),
            "judged_as": "background",
            "refined_as": "a",
            "feature_hint": gain + rng.normal(0.0, 0.008, count),
            "gain_added": gain,
            "gain_removed": 0.0,
            "share_added": 0.01,
            "share_removed": 0.0,
        }
    )


@pytest.fixture(scope="module")
def splits() -> list[Split]:
    return [measure_split(made_up(120), [HarmThreshold()], seed, 30, 50)[0] for seed in range(2)]


def test_each_split_merges_the_patients_that_it_did_not_know(splits: list[Split]) -> None:
    assert [len(split.patients) for split in splits] == [40, 40]
    assert set(splits[0].patients.index) != set(splits[1].patients.index)
    for split in splits:
        assert split.patients["all_touched"].all()
        assert split.patients["merged_change"].mean() > split.patients["all_change"].mean() + 0.02


def test_the_page_tells_merged_masks_from_replaced_ones(splits: list[Split]) -> None:
    found = summary(splits, 0.1)
    assert found["certified"] == 1.0
    assert found["harmed"] < 0.1 < found["harmed_all"]
    value, low, high = found["difference"]
    assert 0.0 < low < value < high
    row = {"candidate": "c", "tolerated_harm": 0.1, "allowed_fall": 0.0, "regions_per_case": 6.0}
    figures = {"fit": 30, "calibrate": 50, "test": 40, "judged_dice": 0.8, "rows": [row | found]}
    assert "| c | 0.10 | 0.00 | 1.00 |" in section(figures)


def test_where_nothing_is_certified_masks_stay_as_they_are() -> None:
    regions = made_up(120)
    regions["feature_hint"] = np.random.default_rng(1).normal(size=len(regions))
    (split,) = measure_split(regions, [HarmThreshold()], 0, 30, 50)
    assert not split.certified
    assert not split.patients["merged_touched"].any()
    assert (split.patients["merged_change"] == 0.0).all()
    assert summary([split], 0.1)["harmed"] is None


def test_a_broken_promise_is_counted() -> None:
    harmed = pd.DataFrame(
        {
            "merged_change": -0.1,
            "merged_harmed": np.arange(40) < 20,
            "merged_touched": True,
            "all_change": 0.0,
            "all_harmed": False,
            "all_touched": True,
        },
        index=[f"p{number}" for number in range(40)],
    )
    found = summary([Split(True, 0.5, harmed)], 0.1)
    assert (found["above"], found["rejected"], found["harmed"]) == (1, 1, 0.5)
