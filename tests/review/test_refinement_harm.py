"""The promise about merged masks: counts written out, and a simulation with a twin that fails."""

import numpy as np
import pandas as pd
import pytest
from scipy.stats import binom

from segqc_conformal.calibrators.fixed_sequence import sequence_levels
from segqc_conformal.calibrators.p_values import binomial_p_value
from segqc_conformal.errors import InputError
from segqc_conformal.review.harm_certificate import HarmCertificate
from segqc_conformal.review.harm_grid import harm_grid
from segqc_conformal.review.harm_threshold import HarmThreshold
from segqc_conformal.review.merged_outcome import ScoredRegions, scored_regions

GRID = (0.75, 0.5, 0.25)
REGIONS, PATIENTS, DRAWS = 20, 60, 1000


def world(patients: int, rng: np.random.Generator, risk: float = 0.1) -> ScoredRegions:
    """Return patients whose regions all help, or all harm, at any score: exactly `risk` at any."""
    gains = np.where(rng.random(patients) < risk, -0.005, 0.005)
    who = np.arange(patients).repeat(REGIONS)
    both_sides = np.r_[gains[who], np.zeros(who.size)]
    return ScoredRegions(
        rng.random(who.size), who, np.tile(who, 2), both_sides, np.zeros(2 * who.size), ("a",)
    )


def test_steps_are_the_binomial_test_of_patients_written_out() -> None:
    rng = np.random.default_rng(0)
    rows = pd.DataFrame(
        {
            "patient_id": rng.integers(0, 40, 300).astype(str),
            "judged_as": rng.choice(["background", "a", "b"], 300),
            "gain_added": rng.normal(0.3, 1.0, 300),
            "gain_removed": rng.normal(0.3, 1.0, 300),
        }
    )
    rows["refined_as"] = rows["judged_as"].map({"background": "a", "a": "b", "b": "background"})
    for side, gain in (("refined_as", "gain_added"), ("judged_as", "gain_removed")):
        rows[gain] = rows[gain].where(rows[side] != "background", 0.0)
    rows = rows.assign(share_added=0.0, share_removed=0.0)
    scores = rng.random(300)
    found = HarmThreshold(0.5).calibrate(scored_regions(rows, scores), GRID)
    for step in (*found.tests, *found.not_reached):
        taken = rows[scores >= step.threshold]
        harmed = 0
        for _, regions in taken.groupby("patient_id"):
            totals = [
                regions.loc[regions["refined_as"] == name, "gain_added"].sum()
                + regions.loc[regions["judged_as"] == name, "gain_removed"].sum()
                for name in ("a", "b")
            ]
            harmed += min(totals) < 0.0
        accepted = taken["patient_id"].nunique()
        assert (step.accepted, step.bad) == (accepted, harmed)
        assert step.p_value == pytest.approx(binom.cdf(harmed, accepted, 0.5))


def test_the_promise_holds_where_regions_of_a_patient_hang_together() -> None:
    rng = np.random.default_rng(1)
    settings = HarmThreshold()
    wrong = sum(settings.calibrate(world(PATIENTS, rng), GRID).certified for _ in range(DRAWS))
    # the risk is alpha at every threshold: each certificate counts as wrong
    assert wrong / DRAWS <= 0.1 + 2 * np.sqrt(0.1 * 0.9 / DRAWS)
    assert wrong / DRAWS >= 0.02  # a test that never certifies would hold for nothing


def test_twin_counting_regions_as_if_independent_breaks_it() -> None:
    rng = np.random.default_rng(1)
    wrong = 0
    for _ in range(500):
        gains = world(PATIENTS, rng)
        taken = [gains.scores >= threshold for threshold in GRID]
        bad = [np.count_nonzero(gains.gains[: gains.scores.size][each] < 0.0) for each in taken]
        p_values = binomial_p_value(bad, [each.sum() for each in taken], 0.1)
        wrong += p_values[0] <= sequence_levels(p_values, 0.1)[0]
    assert wrong / 500 > 0.15


def test_harm_need_not_grow_with_more_regions() -> None:
    rows = pd.DataFrame(
        {
            "patient_id": np.repeat([f"p{i}" for i in range(40)], 2),
            "judged_as": "background",
            "refined_as": "a",
            "gain_added": np.tile([-0.1, 0.3], 40),
            "gain_removed": 0.0,
            "share_added": 0.0,
            "share_removed": 0.0,
        }
    )
    gains = scored_regions(rows, np.tile([0.9, 0.5], 40))
    assert [counts.tolist() for counts in gains.counts(np.array([0.8, 0.4]), 0.0)] == [
        [40, 40],
        [40, 0],
    ]
    # one order of tests stops at once, the other certifies
    assert HarmThreshold().calibrate(gains, [0.8, 0.4]).threshold is None
    assert HarmThreshold().calibrate(gains, [0.4]).threshold == 0.4
    assert harm_grid(gains, 40, HarmThreshold()).tolist() == [0.5]


def test_nothing_certified_is_a_result_that_says_how_many_patients_it_takes() -> None:
    found = HarmThreshold().calibrate(world(15, np.random.default_rng(2), risk=0.0), GRID)
    assert found.threshold is None
    assert not found.accept([0.99]).any()
    assert found.patients_needed > 15
    assert f"about {found.patients_needed} fresh calibration patients" in found.promise
    hopeless = HarmThreshold().calibrate(world(60, np.random.default_rng(2), risk=0.5), GRID)
    assert hopeless.patients_needed is None
    assert "more patients alone are not expected" in hopeless.promise
    nobody = HarmThreshold().calibrate(world(0, np.random.default_rng(2)), GRID)
    assert (nobody.threshold, nobody.patients) == (None, 0)
    assert nobody.patients_needed == 22


def test_a_certificate_survives_json_and_speaks_of_patients() -> None:
    found = HarmThreshold().calibrate(world(60, np.random.default_rng(3), risk=0.0), GRID)
    assert HarmCertificate.from_json(found.to_json()) == found
    assert (found.threshold, found.patients_needed) == (0.25, 0)
    assert "of the patients in whom any region is accepted at most 10%" in found.promise


def test_a_fall_that_is_allowed_is_no_harm_and_the_promise_says_so() -> None:
    rng = np.random.default_rng(4)
    allowed = HarmThreshold(allowed_fall=0.1).calibrate(world(60, rng, risk=1.0), GRID)
    assert allowed.certified
    assert "than in the judged mask, by more than 0.1, among" in allowed.promise
    assert not HarmThreshold(allowed_fall=0.01).calibrate(world(60, rng, risk=1.0), GRID).certified
    with pytest.raises(InputError, match="allowed_fall"):
        HarmThreshold(allowed_fall=-0.1)


@pytest.mark.parametrize("setting", ["tolerated_harm", "confidence"])
def test_settings_are_probabilities(setting: str) -> None:
    with pytest.raises(InputError, match=setting):
        HarmThreshold(**{setting: 1.0})
