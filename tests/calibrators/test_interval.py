import numpy as np
import pytest
from mapie.conformity_scores import ResidualNormalisedScore
from mapie.regression import SplitConformalRegressor
from numpy.typing import ArrayLike, NDArray
from scipy.stats import betabinom
from sklearn.base import BaseEstimator, RegressorMixin

from segqc_conformal.calibrators import DiceInterval, IntervalCertificate
from segqc_conformal.errors import InputError


class Column(RegressorMixin, BaseEstimator):
    """Column i of X as the prediction: how MAPIE takes precomputed predictions."""

    def __init__(self, i: int = 0) -> None:
        self.i = i
        self.is_fitted = True

    def fit(self, X: ArrayLike, y: ArrayLike | None = None) -> "Column":
        return self

    def predict(self, X: ArrayLike) -> NDArray[np.float64]:
        return np.asarray(X)[:, self.i]


def world(n: int, rng: np.random.Generator) -> tuple[NDArray[np.float64], ...]:
    predicted = rng.beta(6, 1.6, n)
    scale = 0.02 + 0.25 * (1 - predicted)
    return predicted, scale, np.clip(predicted + rng.normal(0, scale), 0, 1)


@pytest.mark.parametrize("n", [20, 57, 101, 500])
@pytest.mark.parametrize("miscoverage", [0.1, 0.2])
def test_equals_mapie_split_with_normalised_nonconformity(n: int, miscoverage: float) -> None:
    rng = np.random.default_rng(n)
    predicted, scale, dice = world(n, rng)
    new_predicted, new_scale, _ = world(200, rng)
    ours = DiceInterval(miscoverage).calibrate(predicted, dice, scale)
    low, high = ours.interval(new_predicted, new_scale)
    mapie = SplitConformalRegressor(
        Column(0),
        confidence_level=1 - miscoverage,
        conformity_score=ResidualNormalisedScore(residual_estimator=Column(1), prefit=True),
    ).conformalize(np.c_[predicted, scale], dice)
    _, theirs = mapie.predict_interval(np.c_[new_predicted, new_scale])
    np.testing.assert_allclose(low, np.clip(theirs[:, 0, 0], 0, 1), atol=1e-12)
    np.testing.assert_allclose(high, np.clip(theirs[:, 1, 0], 0, 1), atol=1e-12)


def test_too_few_patients_give_the_whole_support_and_say_so() -> None:
    certificate = DiceInterval().calibrate(np.full(8, 0.9), np.full(8, 0.8))
    low, high = certificate.interval([0.9])
    assert (low[0], high[0]) == (0.0, 1.0)
    assert "Too few calibration patients (8)" in certificate.promise


def test_no_patients_at_all_give_the_whole_support() -> None:
    low, high = DiceInterval().calibrate([], []).interval([0.3])
    assert (low[0], high[0]) == (0.0, 1.0)


def test_ends_stay_in_the_unit_interval_and_in_order() -> None:
    certificate = DiceInterval(0.2).calibrate(np.linspace(0.4, 1, 30), np.linspace(0, 1, 30))
    low, high = certificate.interval([-0.5, 0.0, 0.5, 1.0, 1.7])
    assert (low >= 0).all()
    assert (high <= 1).all()
    assert (low <= high).all()


def test_lower_side_equals_the_signed_order_statistic() -> None:
    rng = np.random.default_rng(3)
    predicted, _, dice = world(99, rng)
    certificate = DiceInterval(0.1, side="lower").calibrate(predicted, dice)
    expected = np.sort(predicted - dice)[89]
    low, high = certificate.interval([0.9])
    assert low[0] == pytest.approx(min(max(0.9 - expected, 0), 1))
    assert high[0] == 1.0


def test_slices_of_a_patient_count_once_the_first_row() -> None:
    predicted, dice = np.tile(0.9, 40), np.r_[np.full(20, 0.8), np.full(20, 0.1)]
    patients = np.r_[np.arange(20), np.arange(20)]
    certificate = DiceInterval(0.1).calibrate(predicted, dice, patients=patients)
    assert certificate.patients == 20
    assert certificate.quantile == pytest.approx(0.1)


def clustered(patients: int, rng: np.random.Generator) -> tuple[NDArray[np.float64], ...]:
    level = rng.normal(0.8, 0.1, patients).repeat(25)
    return np.full(level.size, 0.8), np.clip(level + rng.normal(0, 0.01, level.size), 0, 1)


def test_pooling_slices_would_miss_the_coverage_that_patients_keep() -> None:
    rng = np.random.default_rng(11)
    patients = np.arange(20).repeat(25)
    honest, pooled = [], []
    for _ in range(300):
        predicted, dice = clustered(20, rng)
        _, new = clustered(200, rng)
        for kept, ids in ((honest, patients), (pooled, None)):
            low, high = (
                DiceInterval(0.1)
                .calibrate(predicted, dice, patients=ids)
                .interval(np.full(new.size, 0.8))
            )
            kept.append(((new >= low) & (new <= high)).mean())
    assert np.mean(honest) >= 0.9
    assert np.mean(pooled) < 0.895
    assert np.std(pooled) > 0.04


def coverages(settings: DiceInterval, draws: int, leak: bool = False) -> NDArray[np.float64]:
    rng = np.random.default_rng(5)
    out = np.empty(draws)
    for i in range(draws):
        predicted, scale, dice = world(80, rng)
        if leak:
            predicted = 0.5 * predicted + 0.5 * dice
        new_predicted, new_scale, new_dice = world(400, rng)
        low, high = settings.calibrate(predicted, dice, scale).interval(new_predicted, new_scale)
        out[i] = ((new_dice >= low) & (new_dice <= high)).mean()
    return out


def test_marginal_coverage_follows_its_law_and_a_leak_is_caught() -> None:
    # rank 73 of 80: mean coverage 73/81; 1,500 draws of 400 new patients each
    law = betabinom(400, 73, 8)
    slack = 3 * law.std() / 400 / np.sqrt(1500)
    assert abs(coverages(DiceInterval(0.1), 1500).mean() - 73 / 81) <= slack
    assert coverages(DiceInterval(0.1), 300, leak=True).mean() < 73 / 81 - 10 * slack


def test_pac_interval_keeps_its_confidence_and_the_marginal_rule_would_not() -> None:
    def short(settings: DiceInterval) -> float:
        rng = np.random.default_rng(8)
        below = 0
        for _ in range(1000):
            certificate = settings.calibrate(np.zeros(80), rng.random(80))
            assert certificate.quantile is not None
            below += certificate.quantile < 0.9  # coverage of a uniform error is its quantile
        return below / 1000

    assert short(DiceInterval(0.1, confidence=0.9)) <= 0.1 + 2 * np.sqrt(0.09 / 1000)
    assert short(DiceInterval(0.1)) > 0.3


def test_json_round_trip_is_exact() -> None:
    certificate = DiceInterval(0.1, confidence=0.9).calibrate(
        np.linspace(0, 1, 60), np.linspace(0, 1, 60) ** 2
    )
    assert IntervalCertificate.from_json(certificate.to_json()) == certificate


@pytest.mark.parametrize(
    ("predicted", "dice", "scale", "message"),
    [
        ([0.5, np.nan], [0.5, 0.5], None, "predicted Dice"),
        ([0.5, 0.5], [0.5, 1.2], None, r"dice in \[0, 1\]; received 1.2 in row 1"),
        ([0.5, 0.5], [0.5, 0.5], [0.1, 0.0], "scale"),
        ([0.5], [0.5, 0.5], None, "shape"),
        ([0.5, 0.5], [0.5, 0.5], [0.1, np.inf], "scale"),
    ],
)
def test_bad_values_are_refused_by_name(predicted, dice, scale, message) -> None:  # type: ignore[no-untyped-def]
    with pytest.raises(InputError, match=message):
        DiceInterval().calibrate(predicted, dice, scale)


@pytest.mark.parametrize("settings", [{"miscoverage": 0.0}, {"confidence": 1.0}, {"side": "up"}])
def test_impossible_settings_are_refused(settings) -> None:  # type: ignore[no-untyped-def]
    with pytest.raises(InputError):
        DiceInterval(**settings)
