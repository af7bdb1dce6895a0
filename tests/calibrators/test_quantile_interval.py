import numpy as np
import pytest
from mapie.regression import ConformalizedQuantileRegressor
from numpy.typing import ArrayLike, NDArray
from sklearn.base import BaseEstimator, RegressorMixin

from segqc_conformal.calibrators import DiceInterval
from segqc_conformal.calibrators.quantile_interval import (
    QuantileInterval,
    QuantileIntervalCertificate,
)
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


def world(n: int, width: float, rng: np.random.Generator) -> tuple[NDArray[np.float64], ...]:
    middle = rng.uniform(0.3, 0.9, n)
    spread = 0.02 + 0.2 * (0.95 - middle)
    dice = np.clip(middle + rng.normal(0, spread), 0, 1)
    return middle - width * spread, middle + width * spread, dice


@pytest.mark.parametrize("n", [19, 20, 57, 101, 500])
@pytest.mark.parametrize("miscoverage", [0.1, 0.2])
@pytest.mark.parametrize("width", [0.5, 3.0])  # 3.0: the correction is negative
def test_equals_mapie_with_symmetric_correction(n: int, miscoverage: float, width: float) -> None:
    rng = np.random.default_rng(n)
    low, high, dice = world(n, width, rng)
    new_low, new_high, _ = world(200, width, rng)
    certificate = QuantileInterval(miscoverage).calibrate(low, high, dice)
    ours = certificate.interval(new_low, new_high)
    mapie = ConformalizedQuantileRegressor(
        [Column(0), Column(1), Column(2)], confidence_level=1 - miscoverage, prefit=True
    ).conformalize(np.c_[low, high, (low + high) / 2], dice)
    new = np.c_[new_low, new_high, (new_low + new_high) / 2]
    _, theirs = mapie.predict_interval(new, symmetric_correction=True)
    low, high = np.clip(theirs[:, 0, 0], 0, 1), np.clip(theirs[:, 1, 0], 0, 1)
    crossed = low > high  # MAPIE leaves an empty interval with its ends the wrong way round
    assert crossed.mean() < (0.2 if width > 1 else 1e-9)
    middle = (low + high) / 2
    np.testing.assert_allclose(ours[0], np.where(crossed, middle, low), atol=1e-12)
    np.testing.assert_allclose(ours[1], np.where(crossed, middle, high), atol=1e-12)


def test_correction_is_the_order_statistic_of_the_signed_distance() -> None:
    low, high, dice = world(99, 3.0, np.random.default_rng(0))
    certificate = QuantileInterval(0.1).calibrate(low, high, dice)
    expected = sorted(max(a - y, y - b) for a, b, y in zip(low, high, dice, strict=True))[89]
    assert expected < 0
    assert certificate.correction.quantile == expected


def test_ends_that_cross_become_the_point_half_way() -> None:
    certificate = QuantileInterval(0.1).calibrate(np.full(30, 0.2), np.full(30, 0.8), [0.5] * 30)
    low, high = certificate.interval([0.45, 0.1], [0.55, 0.9])
    assert (low[0], high[0]) == pytest.approx((0.5, 0.5))
    assert low[1] < high[1]


def test_too_few_patients_give_the_whole_support() -> None:
    certificate = QuantileInterval(0.1).calibrate(np.zeros(8), np.ones(8), np.ones(8))
    low, high = certificate.interval([0.4], [0.6])
    assert (low[0], high[0]) == (0.0, 1.0)
    assert "Too few calibration patients (8)" in certificate.promise


def test_half_the_width_as_scale_equals_the_correction_in_proportion_to_it() -> None:
    # |y - middle| / half = 1 + max(low - y, y - high) / half: DiceInterval offers it as it is
    low, high, dice = world(80, 1.0, np.random.default_rng(1))
    half = (high - low) / 2
    found = DiceInterval(0.1).calibrate((low + high) / 2, dice, half)
    signed = np.sort(np.maximum(low - dice, dice - high) / half)[72]
    assert found.quantile == pytest.approx(1 + signed)


def test_groups_weights_patients_and_json_work_as_for_one_prediction() -> None:
    low, high, dice = world(60, 0.5, np.random.default_rng(2))
    groups = np.repeat(["A", "B"], 30)
    settings = QuantileInterval(0.1)
    grouped = settings.calibrate(low, high, dice, groups=groups, patients=np.arange(60))
    alone = settings.calibrate(low[:30], high[:30], dice[:30])
    assert grouped.interval(low[:5], high[:5], groups=["A"] * 5)[0].tolist() == (
        alone.interval(low[:5], high[:5])[0].tolist()
    )
    weighted = settings.calibrate(low, high, dice, weights=np.ones(60), weights_are="known")
    plain = settings.calibrate(low, high, dice)
    assert weighted.interval(low, high, weights=np.ones(60))[1].tolist() == (
        plain.interval(low, high)[1].tolist()
    )
    for certificate in (grouped, weighted, plain):
        assert QuantileIntervalCertificate.from_json(certificate.to_json()) == certificate


def test_coverage_holds_for_worthless_quantiles_that_would_not_hold_by_themselves() -> None:
    rng = np.random.default_rng(3)
    kept, twin = [], []
    for _ in range(400):
        low, high, dice = world(260, 0.5, rng)
        certificate = QuantileInterval(0.1).calibrate(low[:60], high[:60], dice[:60])
        found_low, found_high = certificate.interval(low[60:], high[60:])
        new = dice[60:]
        kept.append(((found_low <= new) & (new <= found_high)).mean())
        twin.append(((low[60:] <= new) & (new <= high[60:])).mean())
    assert abs(np.mean(kept) - 55 / 61) < 0.006
    assert np.mean(twin) < 0.6


def test_impossible_settings_and_values_are_refused() -> None:
    with pytest.raises(InputError, match="miscoverage"):
        QuantileInterval(miscoverage=1.0)
    with pytest.raises(InputError, match="support"):
        QuantileInterval(support=(1.0, 0.0))
    with pytest.raises(InputError, match="predicted high Dice"):
        QuantileInterval().calibrate([0.5], [np.nan], [0.5])
    with pytest.raises(InputError, match="predicted low Dice"):
        QuantileInterval().calibrate([0.5, 0.5], [0.9], [0.5])
