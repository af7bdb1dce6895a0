from math import inf, nan

import numpy as np
import pandas as pd
import pytest

from segqc_conformal.errors import InputError
from segqc_conformal.monitors import case_streams, start_watch


def test_two_structures_give_the_whole_case_score_and_mean_features() -> None:
    rows = pd.DataFrame(
        {
            "case_id": ["c2", "c1", "c1", "c2", "c1", "c2"],
            "structure": ["a", "a", "b", "whole_case", "whole_case", "b"],
            "accept_score": [5.0, 3.0, -inf, 1.0, -inf, 1.0],
            "feature_x": [1.0, 2.0, 4.0, nan, nan, nan],
        }
    )
    streams = case_streams(rows)
    assert streams.index.tolist() == ["c2", "c1"]
    assert streams["accept_score"].tolist() == [1.0, -inf]
    assert streams["feature_x"].tolist() == [-inf, 3.0]


def test_a_single_structure_decides_itself() -> None:
    rows = pd.DataFrame({"case": [4, 7], "structure": "a", "accept_score": [0.5, nan]})
    assert case_streams(rows)["accept_score"].to_dict() == {4: 0.5, 7: -inf}


def test_several_structures_without_a_whole_case_row_are_refused() -> None:
    rows = pd.DataFrame({"case_id": ["c1", "c1"], "structure": ["a", "b"], "accept_score": 0.5})
    with pytest.raises(InputError, match="case c1: expected one whole_case row"):
        case_streams(rows)
    with pytest.raises(InputError, match="columns accept_score"):
        case_streams(rows.drop(columns="accept_score"))


def test_fit_patients_set_edges_and_calibration_patients_fill_the_bags() -> None:
    rng = np.random.default_rng(0)
    profile = pd.DataFrame(
        {
            "role": ["fit"] * 30 + ["calibration"] * 40,
            "case": range(70),
            "structure": "a",
            "site": ["A", "B"] * 35,
            "accept_score": rng.normal(size=70),
            "feature_x": rng.normal(size=70),
        }
    )
    watch = start_watch(profile, seed=1, horizon=500, false_alarm=0.1)
    assert watch.streams == ("accept_score", "feature_x")
    assert (watch.primary, watch.horizon, watch.false_alarm) == ("accept_score", 500, 0.1)
    changed = profile.copy()
    changed.loc[profile["role"] == "fit", "accept_score"] += 1.0
    assert start_watch(changed, seed=1).to_json() != start_watch(profile, seed=1).to_json()
    for number in range(60):
        state = watch.update(
            {"accept_score": 3.0, "feature_x": rng.normal()},
            case_id=f"c{number}",
            site="AB"[number % 2],
        )
    assert state.located == ("accept_score",)


def test_a_profile_without_roles_or_calibration_cases_is_refused() -> None:
    rows = pd.DataFrame({"case": [1], "structure": "a", "accept_score": [0.5], "site": "A"})
    with pytest.raises(InputError, match="columns role"):
        start_watch(rows, seed=1)
    with pytest.raises(InputError, match="a calibration with calibration patients"):
        start_watch(rows.assign(role="fit"), seed=1)


def test_a_calibration_case_without_every_structure_enters_no_bag() -> None:
    rows = pd.DataFrame(
        {
            "role": ["fit"] * 3 + ["calibration"] * 4,
            "case": [0, 0, 0, 1, 1, 1, 2],
            "structure": ["a", "b", "whole_case", "a", "b", "whole_case", "a"],
            "site": "A",
            "accept_score": [2.0, 1.0, 1.0, 2.5, 1.5, 1.5, 9.0],
        }
    )
    whole = start_watch(rows, seed=1)
    assert whole.to_json() == start_watch(rows[rows["case"] < 2], seed=1).to_json()
