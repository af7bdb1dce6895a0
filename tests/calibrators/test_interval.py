import numpy as np
import pytest
from mapie.conformity_scores import AbsoluteConformityScore, ResidualNormalisedScore
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


@pytest.mark.parametrize("miscoverage", [0.01, 0.05, 0.1, 0.15, 0.2, 0.25, 0.3, 0.4, 0.5])
def test_equals_mapie_split_wherever_mapie_is_defined(miscoverage: float) -> None:
    rng = np.random.default_rng(1)
    for n in (*range(5, 60, 4), 99, 119, 199, 399, 999):
        if n <= 1 / miscoverage:  # MAPIE asks for one patient more than the quantile needs
            continue
        predicted, _, dice = world(n, rng)
        low, high = DiceInterval(miscoverage).calibrate(predicted, dice).interval([0.4, 0.9])
        mapie = SplitConformalRegressor(Column(0), confidence_level=1 - miscoverage)
        mapie.conformalize(predicted[:, None], dice)
        _, theirs = mapie.predict_interval(np.array([[0.4], [0.9]]))
        np.testing.assert_allclose(low, np.clip(theirs[:, 0, 0], 0, 1), atol=1e-12)
        np.testing.assert_allclose(high, np.clip(theirs[:, 1, 0], 0, 1), atol=1e-12)


@pytest.mark.parametrize("side", ["lower", "upper"])
def test_one_side_equals_mapie_asymmetric_at_twice_the_level(side: str) -> None:
    rng = np.random.default_rng(2)
    for n in (41, 99, 400):
        predicted, _, dice = world(n, rng)
        ours = DiceInterval(0.1, side=side).calibrate(predicted, dice).interval([0.4, 0.6])
        mapie = SplitConformalRegressor(
            Column(0), confidence_level=0.8, conformity_score=AbsoluteConformityScore(sym=False)
        ).conformalize(predicted[:, None], dice)
        _, theirs = mapie.predict_interval(np.array([[0.4], [0.6]]))
        end = 0 if side == "lower" else 1
        np.testing.assert_allclose(ours[end], np.clip(theirs[:, end, 0], 0, 1), atol=1e-12)
        assert (ours[1 - end] == 1 - end).all()


def test_nine_patients_give_a_finite_interval_and_eight_the_whole_support() -> None:
    for n, end in ((9, 0.8), (8, 0.0)):
        low, _ = DiceInterval(0.1).calibrate(np.full(n, 0.9), np.full(n, 0.8)).interval([0.9])
        assert low[0] == pytest.approx(end)


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


def test_a_distance_keeps_its_own_support() -> None:
    settings = DiceInterval(0.1, support=(0, np.inf), measure="HD95 (mm)")
    certificate = settings.calibrate(np.full(9, 5.0), np.arange(9.0))
    low, high = certificate.interval([2.0, 9.0])
    assert (low.round(6).tolist(), high.round(6).tolist()) == ([0.0, 4.0], [7.0, 14.0])
    assert "true HD95 (mm)" in certificate.promise
    assert IntervalCertificate.from_json(certificate.to_json()) == certificate
    for outside in (-0.1, np.inf, np.nan):
        with pytest.raises(InputError, match="hd95"):
            settings.calibrate([5.0], [outside])


def test_too_few_patients_for_a_distance_give_its_whole_support() -> None:
    settings = DiceInterval(0.1, support=(0, np.inf), measure="HD95")
    certificate = settings.calibrate(np.ones(8), np.ones(8))
    low, high = certificate.interval([3.0])
    assert (low[0], high[0]) == (0.0, np.inf)
    assert "every interval is [0, inf)" in certificate.promise


@pytest.mark.parametrize("support", [(1, 0), (0, 0), (0, np.nan), (0,)])
def test_impossible_support_is_refused(support: tuple[float, ...]) -> None:
    with pytest.raises(InputError, match="support"):
        DiceInterval(support=support)  # type: ignore[arg-type]


@pytest.mark.parametrize("side", ["lower", "upper", "two-sided"])
@pytest.mark.parametrize("predicted", [0.7, 0.9, 0.1, 0.3])
def test_rounding_never_loses_a_case_on_the_end(side: str, predicted: float) -> None:
    # lower with a prediction that is too low, and upper with one too high: negative quantiles
    certificate = DiceInterval(0.1, side).calibrate(np.full(30, predicted), np.full(30, 0.8))
    low, high = certificate.interval([predicted])
    assert low[0] <= 0.8 <= high[0]


def test_infinite_predictions_and_forgotten_scales_are_refused() -> None:
    predicted, scale, dice = world(40, np.random.default_rng(0))
    with pytest.raises(InputError, match="predicted Dice"):
        DiceInterval().calibrate([np.inf], [0.5])
    with pytest.raises(InputError, match="received no scale"):
        DiceInterval().calibrate(predicted, dice, scale).interval([0.5])
    with pytest.raises(InputError, match="received a scale"):
        DiceInterval().calibrate(predicted, dice).interval([0.5], [0.1])


def test_combinations_without_a_theorem_are_refused_by_name() -> None:
    y, w, g = np.full(30, 0.8), np.ones(30), ["A"] * 30
    with pytest.raises(InputError, match="no confidence together with weights"):
        DiceInterval(confidence=0.9).calibrate(y, y, weights=w, weights_are="known")
    with pytest.raises(InputError, match="weights or groups, not both"):
        DiceInterval().calibrate(y, y, groups=g, weights=w, weights_are="known")
    with pytest.raises(InputError, match="weights_are only with weights"):
        DiceInterval().calibrate(y, y, weights_are="known")
    with pytest.raises(InputError, match="weights_are one of"):
        DiceInterval().calibrate(y, y, weights=w)


def test_groups_and_weights_are_asked_for_exactly_where_calibrated() -> None:
    y = np.full(30, 0.8)
    grouped = DiceInterval().calibrate(y, y, groups=["A"] * 30)
    with pytest.raises(InputError, match="received no groups"):
        grouped.interval([0.5])
    with pytest.raises(InputError, match="received weights"):
        DiceInterval().calibrate(y, y).interval([0.5], weights=[1.0])


def test_certificates_of_older_versions_still_load() -> None:
    old = {"miscoverage": 0.1, "side": "two-sided", "confidence": None, "patients": 9}
    certificate = IntervalCertificate.from_dict({**old, "quantile": 0.25})
    low, high = certificate.interval([0.5], [0.1])
    assert (low[0], high[0]) == pytest.approx((0.475, 0.525))


def heavy(n: int, rng: np.random.Generator) -> tuple[NDArray[np.float64], ...]:
    return np.full(n, 20.0), np.ones(n), 20.0 * rng.pareto(1.1, n)


def tied(n: int, rng: np.random.Generator) -> tuple[NDArray[np.float64], ...]:
    return np.full(n, 0.8), np.ones(n), rng.choice([0.8, 0.7, 0.5], n, p=[0.6, 0.3, 0.1])


@pytest.mark.parametrize("n", [9, 30, 100])
@pytest.mark.parametrize("draw", [heavy, tied])
def test_ties_and_heavy_tails_keep_coverage_and_one_rank_less_does_not(draw, n) -> None:  # type: ignore[no-untyped-def]
    rng = np.random.default_rng(n)
    settings, draws = DiceInterval(0.1, support=(0, np.inf)), 2000
    kept = short = 0
    for _ in range(draws):
        predicted, _, true = draw(n + 1, rng)
        certificate = settings.calibrate(predicted[1:], true[1:])
        low, high = certificate.interval(predicted[:1])
        kept += bool(low[0] <= true[0] <= high[0])
        below = np.sort(np.abs(predicted - true)[1:])[: int(0.8 * n)]  # the twin: rank .8 n
        short += bool(abs(predicted[0] - true[0]) <= below[-1])
    slack = 2 * np.sqrt(0.09 / draws)
    assert kept / draws >= 0.9 - slack
    if draw is heavy:
        assert short / draws < 0.9 - slack


def test_coverage_holds_within_groups_and_the_pooled_quantile_fails_the_small_one() -> None:
    rng = np.random.default_rng(6)
    own: dict[str, list[float]] = {"A": [], "B": []}
    pooled: dict[str, list[float]] = {"A": [], "B": []}
    for _ in range(300):
        groups = np.where(np.arange(600) < 60, "B", "A")  # 10 % of patients, errors 3 x as large
        true = np.clip(0.5 + rng.normal(0, np.where(groups == "B", 0.15, 0.05)), 0, 1)
        half = np.arange(600) % 2 == 0
        predicted = np.full(300, 0.5)
        by_group = DiceInterval(0.1).calibrate(predicted, true[half], groups=groups[half])
        together = DiceInterval(0.1).calibrate(predicted, true[half])
        found = by_group.interval(predicted, groups=groups[~half])
        for kept, (low, high) in ((own, found), (pooled, together.interval(predicted))):
            inside = (low <= true[~half]) & (true[~half] <= high)
            for name in "AB":
                kept[name].append(float(inside[groups[~half] == name].mean()))
    for name, slack in (("A", 0.004), ("B", 0.009)):  # 2 standard errors
        assert np.mean(own[name]) >= 0.9 - slack
    assert 0.4 < np.mean(pooled["B"]) < 0.6


def test_coverage_holds_under_a_known_shift_and_without_weights_it_does_not() -> None:
    rng = np.random.default_rng(7)
    kept, twin, effective = [], [], []
    for _ in range(300):
        x = rng.random(200)
        true = np.clip(0.5 + rng.normal(0, 0.02 + 0.15 * x), 0, 1)
        new = np.sqrt(np.sqrt(rng.random(200)))  # density 4 x^3: mostly the hard cases
        new_true = np.clip(0.5 + rng.normal(0, 0.02 + 0.15 * new), 0, 1)
        predicted = np.full(200, 0.5)
        certificate = DiceInterval(0.1).calibrate(
            predicted, true, weights=4 * x**3, weights_are="known"
        )
        assert certificate.weighted is not None
        effective.append(certificate.weighted.effective_patients)
        low, high = certificate.interval(predicted, weights=4 * new**3)
        kept.append(((low <= new_true) & (new_true <= high)).mean())
        low, high = DiceInterval(0.1).calibrate(predicted, true).interval(predicted)
        twin.append(((low <= new_true) & (new_true <= high)).mean())
    assert 0.9 - 0.006 <= np.mean(kept) <= 0.93
    assert np.mean(twin) < 0.82
    assert np.mean(effective) == pytest.approx(200 * 7 / 16, rel=0.05)  # E[w]^2 / E[w^2]


def test_errors_too_large_for_a_number_give_the_whole_support_without_a_warning() -> None:
    predicted, scale = np.full(30, 500.0), np.full(30, 1e-307)
    for side in ("two-sided", "lower"):
        certificate = DiceInterval(side=side).calibrate(predicted, np.zeros(30), scale)
        assert certificate.quantile is None
        low, high = certificate.interval([0.5], [1e300])
        assert (low[0], high[0]) == (0.0, 1.0)
        assert "No finite interval reaches the errors of the 30" in certificate.promise
        assert IntervalCertificate.from_json(certificate.to_json()) == certificate
    # the other way the end is drawn in as far as numbers go
    certificate = DiceInterval(side="upper").calibrate(predicted, np.zeros(30), scale)
    assert certificate.interval([0.5], [1.0])[1][0] == 0.0
    assert certificate.interval(predicted[:1], scale[:1])[1][0] >= 0.0
    assert IntervalCertificate.from_json(certificate.to_json()) == certificate


def test_a_large_group_with_infinite_errors_gets_the_whole_support_and_not_that_of_other() -> None:
    groups = np.repeat(["A", "B", "C"], [30, 6, 5])
    scale = np.where(groups == "A", 1e-307, 1.0)
    predicted = np.where(groups == "A", 500.0, 0.5)
    certificate = DiceInterval().calibrate(predicted, np.zeros(41), scale, groups=groups)
    assert certificate.groups is not None
    assert certificate.groups.nothing == ("A",)
    assert list(certificate.groups.other_quantiles) == ["B", "C"]
