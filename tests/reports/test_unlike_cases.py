import numpy as np
import pandas as pd
import pytest

from segqc_conformal.reports.unlike_cases import tail_shares, unlike_cases

THEN = pd.DataFrame({"x": np.arange(1.0, 100.0), "y": np.arange(1.0, 100.0)})


def test_shares_are_two_sided_and_count_the_case_itself():
    now = pd.DataFrame({"x": [50.0, 1.0, 99.5, -np.inf, np.nan], "new": 1.0})
    shares = tail_shares(THEN, now)
    assert list(shares) == ["x"]
    assert shares["x"].tolist()[:4] == pytest.approx([1.0, 0.02, 0.01, 0.01])
    assert np.isnan(shares["x"].iloc[4])


def test_cases_far_out_in_many_columns_come_first():
    now = pd.DataFrame(
        {"x": [50.0, 99.5, 99.5, np.nan], "y": [50.0, 50.0, 0.0, np.nan]}, index=list("abcd")
    )
    ranked = unlike_cases(tail_shares(THEN, now), most=2)
    assert ranked.index.tolist() == ["c", "b"]
    assert ranked["c"] == pytest.approx(-np.log(0.01))


def test_cases_like_the_calibration_cases_score_about_one():
    rng = np.random.default_rng(0)
    then, now = (
        pd.DataFrame(rng.normal(size=(size, 3)), columns=list("abc")) for size in (999, 500)
    )
    assert unlike_cases(tail_shares(then, now), most=500).mean() == pytest.approx(1.0, abs=0.1)


def test_nothing_to_compare_ranks_nobody():
    assert unlike_cases(tail_shares(THEN, THEN[:0])).empty
    assert unlike_cases(tail_shares(THEN[[]], THEN)).empty
    assert unlike_cases(tail_shares(THEN[:0], THEN)).empty
