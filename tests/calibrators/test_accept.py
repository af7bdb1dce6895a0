import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.stats import binom

from segqc_conformal.calibrators import AcceptCertificate, AcceptThreshold, accept_grid
from segqc_conformal.errors import InputError


def informative(n: int, rng: np.random.Generator) -> tuple[NDArray[np.float64], ...]:
    predicted = rng.beta(6, 1.6, n)
    scale = 0.02 + 0.25 * (1 - predicted)
    dice = np.clip(predicted + rng.normal(0, scale), 0, 1)
    return 1 / (1 + np.exp(-(predicted - 0.78) * 18 + rng.normal(0, 0.6, n))), dice


def flat(n: int, rng: np.random.Generator) -> tuple[NDArray[np.float64], ...]:
    return rng.random(n), np.where(rng.random(n) < 0.1, 0.5, 0.9)


def test_steps_equal_the_binomial_test_written_out() -> None:
    rng = np.random.default_rng(0)
    score, dice = informative(300, rng)
    grid = np.quantile(score, [0.85, 0.7, 0.6, 0.5, 0.3, 0.1])
    certificate = AcceptThreshold(tolerated_error=0.1, confidence=0.9).calibrate(score, dice, grid)
    threshold = None
    for t, step in zip(grid, certificate.tests, strict=False):
        accepted = [d for s, d in zip(score, dice, strict=True) if s >= t]
        bad = sum(d <= 0.8 for d in accepted)
        p = sum(binom.pmf(k, len(accepted), 0.1) for k in range(bad + 1))
        assert (step.accepted, step.bad) == (len(accepted), bad)
        assert step.p_value == pytest.approx(p, rel=1e-9)
        if p > 0.1:
            break
        threshold = t
    assert certificate.threshold == threshold


@pytest.mark.parametrize(("accepted", "bad"), [(22, 0), (38, 1), (52, 2)])
def test_fewest_accepted_patients_that_certify_at_ten_percent(accepted: int, bad: int) -> None:
    for n, expected in ((accepted, 0.0), (accepted - 1, None)):
        dice = np.r_[np.full(bad, 0.5), np.full(n - bad, 0.9)]
        assert AcceptThreshold().calibrate(np.ones(n), dice, [0.0]).threshold == expected


@pytest.mark.parametrize(("accepted", "bad"), [(45, 0), (77, 1)])
def test_fewest_accepted_patients_that_certify_at_five_percent(accepted: int, bad: int) -> None:
    for n, expected in ((accepted, 0.0), (accepted - 1, None)):
        dice = np.r_[np.full(bad, 0.5), np.full(n - bad, 0.9)]
        settings = AcceptThreshold(tolerated_error=0.05)
        assert settings.calibrate(np.ones(n), dice, [0.0]).threshold == expected


def test_nothing_certified_accepts_nobody_and_says_how_many_patients_it_takes() -> None:
    certificate = AcceptThreshold().calibrate(np.linspace(0, 1, 15), np.full(15, 0.9), [0.0])
    assert certificate.threshold is None
    assert not certificate.accept([5.0]).any()
    assert certificate.patients_needed is not None
    assert certificate.patients_needed > 15
    assert f"about {certificate.patients_needed} fresh" in certificate.promise


def test_a_hopeless_signal_says_that_patients_do_not_help() -> None:
    certificate = AcceptThreshold().calibrate(np.linspace(0, 1, 99), np.full(99, 0.5), [0.9, 0.1])
    assert certificate.patients_needed is None
    assert "more patients alone" in certificate.promise


def test_an_empty_prediction_is_never_accepted() -> None:
    certificate = AcceptThreshold().calibrate(np.ones(60), np.full(60, 0.9), [0.5])
    assert certificate.accept([-np.inf, 1.0]).tolist() == [False, True]


def test_a_patient_counts_once() -> None:
    dice = np.full(60, 0.9)
    certificate = AcceptThreshold().calibrate(
        np.ones(60), dice, [0.5], patients=np.arange(20).repeat(3)
    )
    assert certificate.patients == 20
    assert certificate.threshold is None


def test_json_round_trip_is_exact() -> None:
    score, dice = informative(200, np.random.default_rng(1))
    certificate = AcceptThreshold().calibrate(score, dice, np.quantile(score, [0.8, 0.6]))
    assert AcceptCertificate.from_json(certificate.to_json()) == certificate


@pytest.mark.parametrize("settings", [{"tolerated_error": 0.0}, {"confidence": 1.0}])
def test_impossible_settings_are_refused(settings: dict[str, float]) -> None:
    with pytest.raises(InputError):
        AcceptThreshold(**settings)


def test_nan_scores_and_grids_are_refused() -> None:
    with pytest.raises(InputError, match="accept score"):
        AcceptThreshold().calibrate([np.nan], [0.9], [0.5])
    with pytest.raises(InputError, match="grid"):
        AcceptThreshold().calibrate([0.5], [0.9], [np.nan])


def violations(n: int, draws: int, confidence: float, every_threshold: bool = False) -> float:
    """Share of calibration draws of the flat world (risk exactly alpha) that certify."""
    rng = np.random.default_rng(2)
    settings = AcceptThreshold(tolerated_error=0.1, confidence=confidence)
    certified = 0
    for _ in range(draws):
        tuning, _ = flat(n, rng)
        # a late start: with hundreds accepted the test is nearly exact, so a twin stands out
        grid = accept_grid(tuning, n, 0.1, 0.95, start_factor=10.0)
        score, dice = flat(n, rng)
        if every_threshold:  # the twin: each threshold on its own, no sequence
            steps = [settings.calibrate(score, dice, [t]).threshold for t in grid]
            certified += any(step is not None for step in steps)
        else:
            certified += settings.calibrate(score, dice, grid).threshold is not None
    return certified / draws


def test_flat_world_at_the_boundary_violates_at_most_delta_and_twins_are_caught() -> None:
    # 2 standard errors at 2,000 draws: .01
    assert violations(1000, 2000, confidence=0.95) <= 0.05 + 0.01
    assert violations(1000, 2000, confidence=0.90) > 0.05 + 0.01  # twin: p <= 2 delta
    assert violations(1000, 400, confidence=0.95, every_threshold=True) > 0.05 + 0.02


def test_informative_world_accepts_as_much_as_the_target() -> None:
    rng = np.random.default_rng(4)
    settings = AcceptThreshold(tolerated_error=0.1, confidence=0.95)
    shares, bad_truth = [], []
    new_score, new_dice = informative(100_000, rng)
    for _ in range(400):
        tuning, _ = informative(500, rng)
        score, dice = informative(500, rng)
        certificate = settings.calibrate(score, dice, accept_grid(tuning, 500, 0.1, 0.95))
        accepted = certificate.accept(new_score)
        shares.append(accepted.mean())
        bad_truth.append((new_dice[accepted] <= 0.8).mean() > 0.1 if accepted.any() else False)
    assert np.mean(shares) >= 0.40 - 2 * np.std(shares) / 20
    assert np.mean(bad_truth) <= 0.05 + 2 * np.sqrt(0.05 * 0.95 / 400)
