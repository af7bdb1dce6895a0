import numpy as np
import pandas as pd

from segqc_conformal.reports.drift_columns import not_comparable


def test_columns_that_cannot_be_compared_are_listed_with_the_reason():
    steps = np.arange(4.0)
    then = pd.DataFrame({"x": steps, "nan": np.nan, "one": 1.0, "old": 0.0, "step": 0.0})
    now = pd.DataFrame({"x": steps, "nan": 0.0, "one": 1.0, "new": steps, "step": steps})
    then["inf"], now["inf"] = steps, np.inf
    assert not_comparable(then, now) == {
        "nan": "no finite value in the calibration cases",
        "one": "constant: 1 in the calibration cases, 1 in the recent cases",
        "old": "missing in the recent cases",
        "step": "constant: 0 in the calibration cases",
        "inf": "no finite value in the recent cases",
        "new": "missing in the calibration cases",
    }


def test_a_single_case_and_no_case_compare_nothing():
    then = pd.DataFrame({"x": [1.0, 2.0], "y": [3.0, 4.0]})
    assert set(not_comparable(then, then.head(1))) == {"x", "y"}
    assert set(not_comparable(then, then.head(0)).values()) == {
        "no finite value in the recent cases"
    }
