import numpy as np
import pytest

from segqc_conformal.calibrators import DiceInterval, IntervalCertificate
from segqc_conformal.calibrators.conformal_rank import marginal_rank
from segqc_conformal.calibrators.weighted_quantile import calibrate_weighted
from segqc_conformal.errors import InputError

LEVELS = [0.01, 0.02, 0.05, 0.1, 0.15, 0.2, 0.25, 0.3, 0.4, 0.5, 0.75, 0.9]


@pytest.mark.parametrize("weight", [1.0, 0.1, 1 / 3, 7e40])
def test_equal_weights_take_the_exact_rank_for_every_n_up_to_2000(weight: float) -> None:
    for n in range(0, 2001, 1 if weight == 1.0 else 7):
        found = calibrate_weighted(np.arange(1.0, n + 1), np.full(n, weight), "known")
        for level in LEVELS:
            rank = marginal_rank(n, level)
            expected = np.inf if rank is None else float(rank)
            assert found.of([weight], 1, level)[0] == expected


def test_equals_the_definition_written_out() -> None:
    rng = np.random.default_rng(0)
    for n in (1, 5, 40, 200):
        errors, weights = rng.normal(size=n).round(1), rng.exponential(size=n)
        new = np.r_[rng.exponential(size=30), 1e-9, 1e9]
        for level in (0.1, 0.25):
            expected = []
            for own in new:
                enough = [
                    v
                    for v in errors
                    if weights[errors <= v].sum() >= (1 - level) * (weights.sum() + own)
                ]
                expected.append(min(enough, default=np.inf))
            found = calibrate_weighted(errors, weights, "known")
            assert found.of(new, new.size, level).tolist() == expected


def test_a_weight_too_large_for_the_calibration_gets_the_whole_support() -> None:
    y = np.full(40, 0.8)
    certificate = DiceInterval().calibrate(y, y, weights=np.ones(40), weights_are="known")
    low, high = certificate.interval([0.8, 0.8], weights=[1.0, 5.0])
    assert (low[1], high[1]) == (0.0, 1.0)
    assert low[0] == pytest.approx(0.8)


def test_no_patients_say_nothing() -> None:
    found = calibrate_weighted(np.empty(0), np.empty(0), "known")
    assert found.effective_patients == 0.0
    assert found.of([1.0], 1, 0.1)[0] == np.inf


def test_only_ratios_of_weights_matter() -> None:
    rng = np.random.default_rng(1)
    errors, weights, new = rng.random(50), rng.random(50), rng.random(20)
    a = calibrate_weighted(errors, weights, "known").of(new, 20, 0.1)
    b = calibrate_weighted(errors, 1e-3 * weights, "known").of(1e-3 * new, 20, 0.1)
    assert a.tolist() == b.tolist()


def test_effective_patients_and_kind_of_weights_stand_in_the_promise() -> None:
    y, weights = np.full(60, 0.8), np.repeat([1.0, 1e-9], 30)
    known = DiceInterval().calibrate(y, y, weights=weights, weights_are="known")
    assert "60 calibration patients say as much as 30 equally weighted ones" in known.promise
    assert "Approximate" not in known.promise
    estimated = DiceInterval().calibrate(y, y, weights=weights, weights_are="estimated")
    assert estimated.promise.startswith("Approximate, because the weights were estimated")
    assert "with probability about 90%" in estimated.promise
    assert (
        "If the weights were made from other cases than these and the new ones, the loss is at "
        "most half their mean absolute error" in estimated.promise
    )


def test_patients_count_once_and_json_is_exact() -> None:
    rng = np.random.default_rng(2)
    certificate = DiceInterval().calibrate(
        rng.random(60),
        rng.random(60),
        weights=rng.random(60),
        weights_are="known",
        patients=np.arange(60) // 2,
    )
    assert certificate.patients == 30
    assert certificate.weighted is not None
    assert len(certificate.weighted.weights) == 30
    assert IntervalCertificate.from_json(certificate.to_json()) == certificate


@pytest.mark.parametrize("weights", [[1.0, -0.1], [1.0, 0.0], [1.0, np.nan], [1.0, np.inf], [1.0]])
def test_impossible_weights_are_refused(weights: list[float]) -> None:
    with pytest.raises(InputError, match="weights"):
        DiceInterval().calibrate([0.5, 0.5], [0.5, 0.5], weights=weights, weights_are="known")


@pytest.mark.parametrize("weights", [[0.0], [np.inf], [1.0, 1.0]])
def test_impossible_weights_of_new_cases_are_refused(weights: list[float]) -> None:
    y = np.full(40, 0.8)
    certificate = DiceInterval().calibrate(y, y, weights=np.ones(40), weights_are="known")
    with pytest.raises(InputError, match="weights of new cases"):
        certificate.interval([0.5], weights=weights)


def test_wrong_weights_lose_at_most_half_their_mean_absolute_error() -> None:
    # true density ratio 4 x^3, weights 2 x: half of the mean of |4 x^3 - 2 x| is .25
    rng = np.random.default_rng(3)
    kept = []
    for _ in range(400):
        x, new = rng.random(100), rng.random(100) ** 0.25
        true = np.clip(0.5 + rng.normal(0, 0.02 + 0.15 * x), 0, 1)
        new_true = np.clip(0.5 + rng.normal(0, 0.02 + 0.15 * new), 0, 1)
        certificate = DiceInterval().calibrate(
            np.full(100, 0.5), true, weights=2 * x, weights_are="estimated"
        )
        low, high = certificate.interval(np.full(100, 0.5), weights=2 * new)
        kept.append(((low <= new_true) & (new_true <= high)).mean())
    assert 0.9 - 0.25 <= np.mean(kept) < 0.9


def test_weights_made_from_the_calibration_cases_lose_more_than_that_bound() -> None:
    # no shift, and a weight of 1 everywhere but at the hard calibration cases themselves: its mean
    # absolute error over the population is 0
    rng = np.random.default_rng(4)
    kept = []
    for _ in range(100):
        x, new = rng.random(100), rng.random(100)
        weights = np.where(x > 0.5, 1e-6, 1.0)
        certificate = DiceInterval().calibrate(
            np.full(100, 0.5), 0.5 + 0.4 * x, weights=weights, weights_are="estimated"
        )
        low, high = certificate.interval(np.full(100, 0.5), weights=np.ones(100))
        kept.append(((low <= 0.5 + 0.4 * new) & (0.5 + 0.4 * new <= high)).mean())
    assert np.mean(kept) < 0.6


def test_errors_too_large_for_a_number_give_the_whole_support_and_survive_json() -> None:
    certificate = DiceInterval().calibrate(
        np.full(40, 500.0),
        np.r_[np.full(20, 500.0), np.zeros(20)] / 500.0,
        np.full(40, 1e-307),
        weights=np.ones(40),
        weights_are="known",
    )
    low, high = certificate.interval([0.9], [1.0], weights=[1.0])
    assert (low[0], high[0]) == (0.0, 1.0)
    assert IntervalCertificate.from_json(certificate.to_json()) == certificate
