import numpy as np
import pytest

from segqc_conformal.calibrators import AcceptThreshold, accept_grid
from segqc_conformal.calibrators.planning import calibration_size
from segqc_conformal.likely_acceptance import RESAMPLINGS, accepted_shares, likely_acceptance


def world(patients: int, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    score = rng.normal(size=patients)
    score[rng.random(patients) < 0.03] = -np.inf
    return score, rng.random(patients) < 0.6 / (1 + np.exp(3 * score))


@pytest.mark.parametrize("tolerated", [0.05, 0.1, 0.2])
@pytest.mark.parametrize("patients", [30, 120])
def test_all_resamplings_at_once_equal_one_accept_threshold_each(
    tolerated: float, patients: int
) -> None:
    score, bad = world(80)
    grid = accept_grid(score, patients, tolerated, 0.9, tuning_bad=bad)
    found = accepted_shares(score, bad, grid, patients, tolerated, 0.9, seed=3)
    drawn = np.random.default_rng(3).multinomial(patients, np.full(80, 1 / 80), RESAMPLINGS)
    rule = AcceptThreshold(tolerated_error=tolerated)
    dice = np.where(bad, 0.5, 0.9)
    expected = [
        rule.calibrate(np.repeat(score, counts), np.repeat(dice, counts), grid).accept(score).mean()
        for counts in drawn
    ]
    assert found.tolist() == expected


def test_forecast_agrees_with_fresh_calibrations_of_the_same_world() -> None:
    score, bad = world(10_000)
    found = likely_acceptance(score, bad, 150, 0.1, 0.9)
    grid = accept_grid(score, 150, 0.1, 0.9, tuning_bad=bad)
    shares = []
    for seed in range(1, 301):
        fresh, wrong = world(150, seed)
        certificate = AcceptThreshold().calibrate(fresh, np.where(wrong, 0.5, 0.9), grid)
        shares.append(certificate.accept(score).mean())
    certified = np.array(shares) > 0
    assert found.p_certify == pytest.approx(certified.mean(), abs=0.06)
    assert found.share_if_certified == pytest.approx(np.mean(np.array(shares)[certified]), abs=0.03)
    assert found.share_accepted == pytest.approx(np.mean(shares), abs=0.05)


def test_no_bad_patient_seen_is_no_certainty() -> None:
    score = np.linspace(0, 1, 40)
    found = likely_acceptance(score, np.zeros(40, dtype=bool), 60, 0.1, 0.9)
    assert 0.5 < found.p_certify < 1.0
    assert found.patients_needed == calibration_size(39 / 40, 0.5 / 40, 0.1, 0.9)


def test_nothing_to_calibrate_on_and_nothing_to_hope_for() -> None:
    score = np.linspace(0, 1, 40)
    none = likely_acceptance(score, score < 0.3, 0, 0.1, 0.9)
    assert (none.p_certify, none.share_if_certified, none.share_accepted) == (0.0, None, 0.0)
    assert none.patients_needed is not None
    hopeless = likely_acceptance(score, np.ones(40, dtype=bool), 100, 0.1, 0.9)
    assert hopeless.p_certify == pytest.approx(0.0, abs=1e-6)
    assert (hopeless.share_if_certified, hopeless.patients_needed) == (None, None)
