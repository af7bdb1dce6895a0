import math

import numpy as np
import pytest
from scipy.stats import norm

from segqc_conformal.calibrators.accept import AcceptThreshold
from segqc_conformal.calibrators.interval import DiceInterval
from segqc_conformal.calibrators.slice_interval import SliceCertificate, SliceInterval
from segqc_conformal.calibrators.slice_quantile import one_slice_of_each_patient
from segqc_conformal.errors import InputError

BETWEEN, WITHIN, SLICES = 0.06, 0.02, 25
PATIENTS = np.arange(20).repeat(SLICES)


def slices_of_the_world(n, rng):
    """Dice of n x 25 slices predicted as 0.5: patients differ more than their slices do."""
    dice = 0.5 + rng.normal(0, BETWEEN, (n, 1)) + rng.normal(0, WITHIN, (n, SLICES))
    return np.clip(dice, 0, 1)


def coverage_of_a_random_slice(width):
    return 2 * norm.cdf(width / math.hypot(BETWEEN, WITHIN)) - 1


def width(certificate):
    low, high = certificate.interval([0.5])
    return float(high[0] - low[0]) / 2


def test_a_random_slice_is_covered_and_pooling_slices_is_caught():
    rng = np.random.default_rng(0)
    ours, pooled = [], []
    for _ in range(800):
        dice = slices_of_the_world(20, rng).ravel()
        predicted = np.full(dice.size, 0.5)
        by_patient = SliceInterval(holds_for="a random slice").calibrate(predicted, dice, PATIENTS)
        ours.append(coverage_of_a_random_slice(width(by_patient)))
        twin = DiceInterval().calibrate(predicted, dice)  # the twin: slices taken for cases
        pooled.append(coverage_of_a_random_slice(width(twin)))
    se = math.sqrt(800)
    assert np.mean(ours) >= 0.9 - 2 * np.std(ours) / se
    assert np.mean(ours) <= 0.9 + 2 / 21
    # pooled slices promise 0.9 +- 0.013; they miss the mean and spread as 20 patients do
    assert np.mean(pooled) < 0.9 - 2 * np.std(pooled) / se
    assert np.std(pooled) > 0.04
    assert np.mean(np.array(pooled) < 0.85) > 0.15


def test_every_slice_of_a_new_patient_is_covered_and_the_pooled_twin_is_caught():
    rng = np.random.default_rng(1)
    future = np.abs(slices_of_the_world(4000, rng) - 0.5).max(axis=1)
    ours, pooled = [], []
    for _ in range(300):
        dice = slices_of_the_world(20, rng).ravel()
        predicted = np.full(dice.size, 0.5)
        certificate = SliceInterval().calibrate(predicted, dice, PATIENTS)
        ours.append((future <= width(certificate)).mean())
        pooled.append((future <= width(DiceInterval().calibrate(predicted, dice))).mean())
    assert np.mean(ours) >= 0.9 - 2 * np.std(ours) / math.sqrt(300)
    assert np.mean(ours) <= 0.9 + 1 / 21 + 2 * np.std(ours) / math.sqrt(300)
    assert np.mean(pooled) < 0.8


def test_every_slice_with_confidence_holds_in_most_draws():
    rng = np.random.default_rng(2)
    future = np.abs(slices_of_the_world(4000, rng) - 0.5).max(axis=1)
    held = []
    for _ in range(200):
        dice = slices_of_the_world(40, rng).ravel()
        settings = SliceInterval(confidence=0.9)
        certificate = settings.calibrate(np.full(1000, 0.5), dice, np.arange(40).repeat(SLICES))
        held.append((future <= width(certificate)).mean() >= 0.9)
    assert np.mean(held) >= 0.9 - 2 * math.sqrt(0.09 / 200)


def test_patients_with_any_bad_accepted_slice_are_as_rare_as_promised():
    rng = np.random.default_rng(3)
    any_bad, accepted_share = [], []
    for _ in range(100):
        ease = rng.normal(0, 0.04, (60, 1))
        predicted = rng.uniform(0.7, 0.95, (60, SLICES))
        dice = np.clip(predicted + ease + rng.normal(0, 0.02, predicted.shape), 0, 1)
        ids = np.arange(30).repeat(SLICES)
        settings = SliceInterval(side="lower", miscoverage=0.2)
        certificate = settings.calibrate(predicted[:30].ravel(), dice[:30].ravel(), ids)
        accepted = certificate.accept(predicted[30:].ravel(), 0.8).reshape(30, SLICES)
        any_bad.append((accepted & (dice[30:] <= 0.8)).any(axis=1).mean())
        accepted_share.append(accepted.mean())
    assert np.mean(any_bad) <= 0.2 + 2 * np.std(any_bad) / 10
    assert np.mean(accepted_share) > 0.1


def test_accepting_pooled_slices_violates_and_one_slice_of_each_patient_does_not():
    """Each patient is good or bad as a whole; a tenth is bad, exactly as tolerated."""
    rng = np.random.default_rng(4)
    pooled, ours = [], []
    for seed in range(600):
        dice = np.where(rng.random(60) < 0.1, 0.5, 0.9).repeat(10)
        patients = np.arange(60).repeat(10)
        rows = one_slice_of_each_patient(patients, seed)
        for chosen, certified in ((slice(None), pooled), (rows, ours)):
            some = dice[chosen]
            certificate = AcceptThreshold().calibrate(np.ones(some.size), some, [0.5])
            certified.append(certificate.threshold is not None)
    slack = 2 * math.sqrt(0.09 / 600)
    assert np.mean(ours) <= 0.1 + slack
    assert np.mean(pooled) > 0.2


def test_ends_of_nine_and_eight_patients():
    patients = np.arange(9).repeat(3)
    predicted, dice = np.full(27, 0.9), np.linspace(0.6, 0.86, 27)
    for holds_for, low in (("every slice", 0.6), ("a random slice", 0.6)):
        settings = SliceInterval(holds_for=holds_for)
        nine = settings.calibrate(predicted, dice, patients)
        assert nine.interval([0.9])[0][0] == pytest.approx(low)
        eight = settings.calibrate(predicted[:24], dice[:24], patients[:24])
        assert [float(end[0]) for end in eight.interval([0.9])] == [0.0, 1.0]
        assert "Too few calibration patients" in eight.promise
        assert not eight.promise.count("nan")


def test_scales_widen_slice_by_slice_and_json_keeps_everything():
    rng = np.random.default_rng(5)
    predicted, scale = rng.uniform(0.4, 0.6, 500), rng.uniform(0.5, 1.5, 500)
    certificate = SliceInterval().calibrate(predicted, np.full(500, 0.5), PATIENTS, scale)
    again = SliceCertificate.from_json(certificate.to_json())
    assert again == certificate
    low, high = again.interval([0.5, 0.5], [1.0, 2.0])
    assert high[1] - low[1] == pytest.approx(2 * (high[0] - low[0]))
    assert "20 calibration patients (500 slices)" in certificate.promise
    assert "true Dice of every slice" in certificate.promise


def test_what_has_no_theorem_is_refused():
    with pytest.raises(InputError, match="every slice"):
        SliceInterval(holds_for="a random slice", confidence=0.9)
    with pytest.raises(InputError, match="holds_for"):
        SliceInterval(holds_for="most slices")
    certificate = SliceInterval(holds_for="a random slice").calibrate([0.5], [0.5], ["p"])
    with pytest.raises(InputError, match="one_slice_of_each_patient"):
        certificate.accept([0.5], 0.8)
    with pytest.raises(InputError, match="one id per slice"):
        SliceInterval().calibrate([0.5], [0.5], ["p", "q"])


@pytest.mark.parametrize(
    ("side", "what"),
    [
        ("two-sided", "is inside its interval"),
        ("lower", "is at least the lower end"),
        ("upper", "is at most the upper end"),
    ],
)
def test_promise_names_its_side(side, what):
    for holds_for in ("every slice", "a random slice"):
        settings = SliceInterval(side=side, holds_for=holds_for)
        assert what in settings.calibrate(np.full(500, 0.5), np.full(500, 0.5), PATIENTS).promise


def test_slices_whose_errors_are_too_large_for_a_number_get_the_whole_support():
    for holds_for in ("every slice", "a random slice"):
        certificate = SliceInterval(holds_for=holds_for).calibrate(
            np.full(500, 500.0), np.zeros(500), PATIENTS, np.full(500, 1e-307)
        )
        assert [float(end[0]) for end in certificate.interval([0.9], [1.0])] == [0.0, 1.0]
        assert "No finite interval" in certificate.promise
        assert SliceCertificate.from_json(certificate.to_json()) == certificate


def test_slices_without_a_patient_are_refused():
    ids = np.array(["a", None, None], dtype=object)
    with pytest.raises(InputError, match="patient"):
        SliceInterval().calibrate(np.ones(3), np.ones(3), ids)
