import numpy as np
import pandas as pd
import pytest

from segqc_conformal.evaluation.bootstrap import patient_counts
from segqc_conformal.evaluation.promise_worth import promise_numbers, promised_cases


def scored(cases: int, seed: int, noise: float) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    dice = rng.beta(8, 1.2, cases)
    predicted = np.clip(dice + rng.normal(0, noise, cases), 0, 1)
    return pd.DataFrame({"dice": dice, "predicted_dice": predicted, "scale": noise})


def worth(noise: float, cases: int = 200) -> tuple[pd.DataFrame, dict]:
    fit, test = scored(200, 1, noise), scored(cases, 2, noise)
    found = promised_cases(fit, test, np.arange(cases) % 2 == 0, 0.8)
    return found, promise_numbers(found, patient_counts(np.arange(cases)))


def test_numbers_are_means_over_the_judged_cases():
    cases, numbers = worth(0.05)
    accepted = cases["accepted_10"]
    expected = {
        "width_90": cases["width"].mean(),
        "covered_90": cases["covered"].mean(),
        "accepted_10": accepted.mean(),
        "error_10": cases["bad"][accepted].mean(),
    }
    assert {name: numbers[name][0].value for name in expected} == pytest.approx(expected)
    assert all(numbers[n][0].low <= v <= numbers[n][0].high for n, v in expected.items())


def test_better_predictor_gives_narrower_intervals_and_accepts_more():
    good, poor = worth(0.03)[1], worth(0.2)[1]
    assert good["width_90"][0].high < poor["width_90"][0].low
    assert good["accepted_10"][0].value > poor["accepted_10"][0].value
    assert good["covered_90"][0].low < 0.9 < good["covered_90"][0].high


def test_tiny_parts_promise_nothing():
    cases, numbers = worth(0.05, cases=8)
    assert (cases["width"] == 1.0).all()
    assert numbers["accepted_20"][0].value == 0.0
    assert np.isnan(numbers["error_20"][0].value)
