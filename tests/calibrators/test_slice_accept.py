import math

import numpy as np
import pytest
from scipy.stats import binom

from segqc_conformal.calibrators.accept import AcceptThreshold
from segqc_conformal.calibrators.slice_accept import SliceAcceptCertificate, SliceAcceptThreshold
from segqc_conformal.errors import InputError

PATIENTS = np.arange(100).repeat(10)


def one_bad_slice_of_some_patients(rng, share):
    """Ten slices each; a share of the patients has exactly one bad slice, scored like the rest."""
    dice = np.full((100, 10), 0.9)
    dice[rng.random(100) < share, 3] = 0.5
    return rng.random(1000), dice.ravel()


def test_steps_equal_counting_patients_one_by_one():
    rng = np.random.default_rng(0)
    patients = rng.permutation(np.repeat(np.arange(60), 4))
    score, dice = rng.random(240), rng.random(240)
    grid = [0.95, 0.9, 0.5]
    settings = SliceAcceptThreshold(0.3, 0.5)
    certificate = settings.calibrate(score, dice, grid, patients)
    for step, t in zip(certificate.tests, grid, strict=False):
        kept = [patients[(score >= t)], patients[(score >= t) & (dice <= 0.3)]]
        assert (step.accepted, step.bad) == tuple(len(set(some)) for some in kept)
        assert step.p_value == pytest.approx(binom.cdf(step.bad, step.accepted, 0.5))
    assert certificate.tests[-1].p_value > 0.1 or len(certificate.tests) == 3


def test_patients_at_the_boundary_certify_at_most_delta_and_pooled_slices_are_caught():
    rng = np.random.default_rng(1)
    ours, twin = [], []
    for _ in range(400):
        score, dice = one_bad_slice_of_some_patients(rng, 0.1)
        # all slices are accepted, so the error of patients is 10 %, that of slices 1 %
        certificate = SliceAcceptThreshold().calibrate(score, dice, [0.0], PATIENTS)
        ours.append(certificate.threshold is not None)
        twin.append(AcceptThreshold().calibrate(score, dice, [0.0]).threshold is not None)
    assert 0.02 <= np.mean(ours) <= 0.1 + 2 * math.sqrt(0.09 / 400)
    assert np.mean(twin) > 0.9


def test_nothing_certified_refers_every_slice_and_says_so():
    score, dice = one_bad_slice_of_some_patients(np.random.default_rng(2), 0.5)
    certificate = SliceAcceptThreshold().calibrate(score, dice, [0.1, 0.0], PATIENTS)
    assert certificate.threshold is None
    assert not certificate.accept([1.0]).any()
    assert "every slice is referred" in certificate.promise
    assert len(certificate.tests) == 1


def test_a_certificate_survives_json_and_names_the_patients():
    score, dice = one_bad_slice_of_some_patients(np.random.default_rng(3), 0.0)
    certificate = SliceAcceptThreshold().calibrate(score, dice, [0.5], PATIENTS)
    assert certificate.accept([0.4, 0.6, -np.inf]).tolist() == [False, True, False]
    assert "100 calibration patients (1000 slices)" in certificate.promise
    assert SliceAcceptCertificate.from_json(certificate.to_json()) == certificate


def test_infinite_thresholds_and_unequal_lengths_are_refused():
    with pytest.raises(InputError, match="grid"):
        SliceAcceptThreshold().calibrate([0.5], [0.5], [-np.inf], ["p"])
    with pytest.raises(InputError, match="patients"):
        SliceAcceptThreshold().calibrate([0.5], [0.5], [0.5], ["p", "q"])
