import numpy as np
import pytest

from segqc_conformal.errors import InputError
from segqc_conformal.evaluation.area_under_risk import aurc
from segqc_conformal.evaluation.bootstrap import (
    bootstrap_interval,
    paired_difference,
    patient_counts,
    percentile_interval,
    replicated,
)
from segqc_conformal.evaluation.discrimination import auroc
from segqc_conformal.evaluation.prediction_error import mae

REPEATS, PATIENTS, VISITS = 400, 60, 4


def test_counts_are_seeded_and_keep_patients_together():
    patients = np.array(["a", "b", "a", "c"])
    counts = patient_counts(patients, 200, seed=4)
    assert (counts == patient_counts(patients, 200, seed=4)).all()
    assert (counts[:, 0] == counts[:, 2]).all()
    assert (counts[:, [0, 1, 3]].sum(axis=1) == 3).all()
    assert counts[:, 0].mean() == pytest.approx(1.0, abs=0.15)


def test_chunks_change_nothing(monkeypatch):
    rng = np.random.default_rng(0)
    score, loss, counts = rng.random(30), rng.random(30), patient_counts(np.arange(30), 50)
    whole = replicated(aurc, score, loss, counts)
    monkeypatch.setattr("segqc_conformal.evaluation.bootstrap.CELLS", 100)
    np.testing.assert_array_equal(replicated(aurc, score, loss, counts), whole)


def visits(rng):
    """Errors of cases of which those of one patient are much alike; the mean |error| is known."""
    common = rng.uniform(0.0, 0.2, PATIENTS)
    return np.repeat(common, VISITS) * rng.uniform(0.8, 1.2, PATIENTS * VISITS)


def covered(patients, seed):
    rng, inside = np.random.default_rng(seed), 0
    for repeat in range(REPEATS):
        error = visits(rng)
        counts = patient_counts(patients, 300, seed=repeat)
        found = bootstrap_interval(mae, error, np.zeros(error.size), counts)
        inside += found.low <= 0.1 <= found.high
    return inside / REPEATS


def test_interval_by_patient_holds_the_truth_about_as_often_as_said():
    assert 0.92 <= covered(np.repeat(np.arange(PATIENTS), VISITS), seed=1) <= 0.98


def test_twin_interval_by_case_is_far_too_short():
    assert covered(np.arange(PATIENTS * VISITS), seed=1) < 0.80


def test_paired_difference_holds_the_truth_and_is_shorter_than_unpaired():
    rng, inside, shorter = np.random.default_rng(2), 0, 0
    patients = np.repeat(np.arange(PATIENTS), VISITS)
    zero = np.zeros(patients.size)
    for repeat in range(200):
        error = visits(rng)
        worse = error + 0.02 + np.repeat(rng.normal(0, 0.01, PATIENTS), VISITS)
        counts = patient_counts(patients, 200, seed=repeat)
        found = paired_difference(mae, worse, error, zero, counts)
        inside += found.low <= 0.02 <= found.high
        alone = bootstrap_interval(mae, error, zero, counts)
        shorter += (found.high - found.low) < 0.5 * (alone.high - alone.low)
    assert 0.90 <= inside / 200 <= 0.99
    assert shorter == 200


def test_interval_of_a_number_seldom_defined_is_unknown():
    score, good = np.arange(6.0), np.array([1, 1, 1, 1, 1, 1.0])
    found = bootstrap_interval(auroc, score, good, patient_counts(np.arange(6)))
    assert all(np.isnan(number) for number in found)
    values = np.array([0.1, 0.2, np.nan, 0.3])
    assert percentile_interval(values, 0.5) == pytest.approx((0.15, 0.25))


def test_unusable_settings_are_refused():
    with pytest.raises(InputError, match="at least one case"):
        patient_counts([])
    with pytest.raises(InputError, match="confidence"):
        percentile_interval(np.zeros(3), 1.0)
