from typing import Any

import numpy as np
import pytest
from mapie.conformity_scores import ResidualNormalisedScore
from mapie.regression import (
    ConformalizedQuantileRegressor,
    CrossConformalRegressor,
    JackknifeAfterBootstrapRegressor,
    SplitConformalRegressor,
)
from numpy.typing import ArrayLike, NDArray
from sklearn.base import BaseEstimator, RegressorMixin
from sklearn.linear_model import QuantileRegressor, Ridge

from segqc_conformal.calibrators import QuantileInterval, RegressorInterval
from segqc_conformal.calibrators.regressor_interval import RegressorIntervalCertificate
from segqc_conformal.errors import InputError, TamperedError


class Column(RegressorMixin, BaseEstimator):
    """Column i of X as the prediction."""

    def __init__(self, i: int = 0) -> None:
        self.i = i
        self.is_fitted = True

    def fit(self, X: ArrayLike, y: ArrayLike | None = None) -> "Column":
        return self

    def predict(self, X: ArrayLike) -> NDArray[np.float64]:
        return np.asarray(X)[:, self.i]


class Ends:
    """A regressor with given ends, as MAPIE hands them out."""

    def predict_interval(
        self, features: NDArray[np.float64], allow_infinite_bounds: bool
    ) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        return features.mean(axis=1), features[:, :, None]


def world(n: int, rng: np.random.Generator) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    features = rng.normal(size=(n, 2))
    return features, np.clip(0.8 + 0.1 * features[:, 0] + rng.normal(0, 0.05, n), 0, 1)


def fitted(kind: str) -> Any:
    features, dice = world(60, np.random.default_rng(0))
    new, new_dice = world(60, np.random.default_rng(1))
    if kind == "split":
        split = SplitConformalRegressor(Ridge(), prefit=False).fit(features, dice)
        return split.conformalize(new, new_dice)
    if kind == "quantile":
        quantile = ConformalizedQuantileRegressor(QuantileRegressor(alpha=0), prefit=False)
        return quantile.fit(features, dice).conformalize(new, new_dice)
    if kind == "cross":
        return CrossConformalRegressor(Ridge(), random_state=0).fit_conformalize(features, dice)
    return JackknifeAfterBootstrapRegressor(
        Ridge(), resampling=12, random_state=0
    ).fit_conformalize(features, dice)


KINDS = ["split", "quantile", "cross", "bootstrap"]


@pytest.mark.parametrize("kind", KINDS)
def test_unchecked_ends_are_those_of_mapie_cut_to_the_support(kind: str) -> None:
    regressor = fitted(kind)
    new, _ = world(50, np.random.default_rng(2))
    certificate = RegressorInterval(regressor).unchecked()
    low, high = certificate.interval(new)
    _, theirs = regressor.predict_interval(new)
    assert low.tolist() == np.clip(theirs[:, 0, 0], 0, 1).tolist()
    assert high.tolist() == np.clip(theirs[:, 1, 0], 0, 1).tolist()
    assert theirs.max() > 1.0
    assert type(regressor).__name__ in certificate.promise
    assert "Nothing was checked here" in certificate.promise


@pytest.mark.parametrize("kind", KINDS)
def test_reloaded_certificates_give_the_same_bits(kind: str) -> None:
    settings = RegressorInterval(fitted(kind))
    new, new_dice = world(30, np.random.default_rng(3))
    for certificate in (settings.unchecked(), settings.calibrate(new, new_dice)):
        again = RegressorIntervalCertificate.from_json(
            certificate.to_json(), certificate.to_skops()
        )
        assert again == certificate
        assert again.promise == certificate.promise
        for mine, theirs in zip(certificate.interval(new), again.interval(new), strict=True):
            assert mine.tobytes() == theirs.tobytes()


def test_a_regressor_of_a_foreign_estimator_is_not_loaded() -> None:
    own = SplitConformalRegressor(Column()).conformalize(*world(30, np.random.default_rng(0)))
    certificate = RegressorInterval(own).unchecked()
    with pytest.raises(TamperedError, match="Column"):
        RegressorIntervalCertificate.from_json(certificate.to_json(), certificate.to_skops())


def test_calibrated_ends_are_those_of_quantile_interval_and_so_is_the_promise() -> None:
    regressor = fitted("quantile")
    own, own_dice = world(80, np.random.default_rng(4))
    new, _ = world(20, np.random.default_rng(5))
    patients = np.arange(80) // 2
    certificate = RegressorInterval(regressor, 0.2).calibrate(own, own_dice, patients)
    _, ends = regressor.predict_interval(own)
    _, new_ends = regressor.predict_interval(new)
    direct = QuantileInterval(0.2).calibrate(
        ends[:, 0, 0], ends[:, 1, 0], own_dice, patients=patients
    )
    low, high = certificate.interval(new)
    expected = direct.interval(new_ends[:, 0, 0], new_ends[:, 1, 0])
    assert low.tolist() == expected[0].tolist()
    assert high.tolist() == expected[1].tolist()
    assert certificate.promise == direct.promise
    assert "the 40 calibration patients" in certificate.promise


def test_our_patients_repair_a_regressor_that_was_conformalized_on_its_own_training_rows() -> None:
    rng = np.random.default_rng(6)
    kept, twin = [], []
    for _ in range(40):
        features, dice = rng.normal(size=(30, 20)), rng.normal(0.5, 0.1, 30)
        own = SplitConformalRegressor(Ridge(0.01), prefit=False).fit(features, dice)
        settings = RegressorInterval(own.conformalize(features, dice), support=(-9, 9))
        ours, new = rng.normal(size=(60, 20)), rng.normal(size=(300, 20))
        ours_dice, new_dice = rng.normal(0.5, 0.1, 60), rng.normal(0.5, 0.1, 300)
        for shares, certificate in (
            (kept, settings.calibrate(ours, ours_dice)),
            (twin, settings.unchecked()),
        ):
            low, high = certificate.interval(new)
            shares.append(((low <= new_dice) & (new_dice <= high)).mean())
    assert np.mean(kept) >= 0.9 - 2 * np.std(kept) / np.sqrt(40)
    assert np.mean(twin) < 0.6


def test_too_few_of_our_patients_give_the_whole_support() -> None:
    own, own_dice = world(8, np.random.default_rng(0))
    certificate = RegressorInterval(fitted("split")).calibrate(own, own_dice)
    low, high = certificate.interval(own)
    assert (low == 0).all()
    assert (high == 1).all()
    assert "Too few calibration patients (8)" in certificate.promise


def test_inverted_and_missing_ends_widen_the_interval() -> None:
    ends = np.array([[0.9, 0.6], [np.nan, 0.7], [0.2, np.nan], [np.nan, np.nan], [-np.inf, 0.5]])
    settings = RegressorInterval(Ends())
    low, high = settings.unchecked().interval(ends)
    assert low.tolist() == [0.6, 0.0, 0.2, 0.0, 0.0]
    assert high.tolist() == [0.9, 0.7, 1.0, 1.0, 0.5]
    usual = np.tile([[0.4, 0.6]], (19, 1))
    certificate = settings.calibrate(np.r_[usual, ends[1:2]], np.r_[np.full(19, 0.65), 0.5])
    low, high = certificate.interval(ends)
    assert low.round(6).tolist() == [0.55, 0.0, 0.15, 0.0, 0.0]
    assert high.round(6).tolist() == [0.95, 0.75, 1.0, 1.0, 0.55]


def test_a_negative_scale_that_mapie_turns_round_is_put_in_order() -> None:
    features = np.c_[np.full(40, 0.8), np.full(40, 0.1)]
    score = ResidualNormalisedScore(residual_estimator=Column(1), prefit=True)
    own = SplitConformalRegressor(Column(0), conformity_score=score)
    own.conformalize(features, np.linspace(0.7, 0.9, 40))
    with pytest.warns(UserWarning, match="negative"):
        _, theirs = own.predict_interval(np.array([[0.8, -0.1]]))
    assert theirs[0, 0, 0] > theirs[0, 1, 0]
    with pytest.warns(UserWarning, match="negative"):
        low, high = RegressorInterval(own).unchecked().interval([[0.8, -0.1]])
    assert (low[0], high[0]) == (theirs[0, 1, 0], theirs[0, 0, 0])


def test_mapies_guard_against_nine_cases_at_90_percent_is_passed() -> None:
    features, dice = world(9, np.random.default_rng(0))
    own = SplitConformalRegressor(Ridge().fit(features, dice)).conformalize(features, dice)
    with pytest.raises(ValueError, match="too low"):
        own.predict_interval(features)
    low, high = RegressorInterval(own).unchecked().interval(features)
    assert (low < high).all()


def test_a_distance_keeps_its_own_support() -> None:
    settings = RegressorInterval(Ends(), support=(0, np.inf), measure="HD95 (mm)")
    low, high = settings.unchecked().interval([[-1.0, 30.0], [2.0, 3.0]])
    assert (low.tolist(), high.tolist()) == ([0.0, 2.0], [30.0, 3.0])
    assert "[0, inf)" in settings.unchecked().promise
    certificate = settings.calibrate(np.tile([[4.0, 5.0]], (9, 1)), np.full(9, 7.0))
    assert certificate.interval([[4.0, 5.0]])[1][0] == pytest.approx(7.0)
    assert "true HD95 (mm)" in certificate.promise


def test_bad_input_is_refused_by_name() -> None:
    features, dice = world(20, np.random.default_rng(0))
    with pytest.raises(InputError, match="predict_interval; received Ridge"):
        RegressorInterval(Ridge())
    with pytest.raises(InputError, match="miscoverage"):
        RegressorInterval(Ends(), miscoverage=0.0)
    with pytest.raises(InputError, match="conformalized and takes these features"):
        RegressorInterval(SplitConformalRegressor(Ridge())).unchecked().interval(features)
    with pytest.raises(InputError, match="conformalized and takes these features"):
        RegressorInterval(fitted("split")).unchecked().interval(features[:, :1])
    levels = SplitConformalRegressor(Ridge(), confidence_level=[0.8, 0.9], prefit=False)
    levels.fit(features, dice).conformalize(features, dice)
    with pytest.raises(InputError, match="one confidence level"):
        RegressorInterval(levels).unchecked().interval(features)
    with pytest.raises(InputError, match="dice"):
        RegressorInterval(fitted("split")).calibrate(features, np.full(20, 1.5))
    with pytest.raises(InputError, match=r"features of shape \(20, features\)"):
        RegressorInterval(fitted("split")).calibrate(features[:5], dice)
