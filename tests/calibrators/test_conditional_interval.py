import numpy as np
import pytest
from numpy.typing import ArrayLike, NDArray
from scipy.optimize import linprog
from scipy.stats import norm
from sklearn.base import BaseEstimator, RegressorMixin

from segqc_conformal.calibrators import ConditionalInterval, DiceInterval
from segqc_conformal.calibrators.conditional_certificate import ConditionalIntervalCertificate
from segqc_conformal.calibrators.conditional_cutoff import conditional_cutoffs
from segqc_conformal.errors import InputError

Arrays = tuple[NDArray[np.float64], ...]


class Nothing(RegressorMixin, BaseEstimator):
    """Predicts 0, so that MAPIE's conformity score is the label it is given."""

    is_fitted = True

    def fit(self, X: ArrayLike, y: ArrayLike | None = None) -> "Nothing":
        return self

    def predict(self, X: NDArray[np.float64]) -> NDArray[np.float64]:
        return np.zeros(len(X))


def mapie_cutoffs(
    errors: NDArray[np.float64],
    known: NDArray[np.float64],
    new: NDArray[np.float64],
    monkeypatch: pytest.MonkeyPatch,
) -> NDArray[np.float64]:
    found = pytest.importorskip("mapie.conditional_conformal_prediction")
    # it builds a problem for cvxpy there that it never solves: cvxpy is not needed for the oracle
    monkeypatch.setattr(found, "setup_cvx_problem", lambda *_: None)
    mapie = found.ConditionalSplitConformalRegressor(
        lambda x: np.c_[np.ones(len(x)), x], Nothing(), confidence_level=0.9
    ).conformalize(known, errors)
    _, ends = mapie.predict_interval(new)
    return np.asarray(ends[:, 1, 0])


def covariates(n: int, kind: str, rng: np.random.Generator) -> NDArray[np.float64]:
    groups = (rng.random((n, 2)) < [0.5, 0.3]).astype(float)
    numbers = rng.normal(size=(n, 2))
    return {"groups": groups, "numbers": numbers, "both": np.c_[numbers[:, 0], groups[:, 1]]}[kind]


@pytest.mark.parametrize("kind", ["groups", "numbers", "both"])
@pytest.mark.parametrize("n", [43, 127])
def test_equals_mapie_in_general_position(
    kind: str, n: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    rng = np.random.default_rng(n)
    known, new = covariates(n, kind, rng), covariates(12, kind, rng)
    errors = np.abs(rng.normal(0, 1, n))
    theirs = mapie_cutoffs(errors, known, new, monkeypatch)
    np.testing.assert_allclose(conditional_cutoffs(errors, known, new, 0.1), theirs, atol=1e-6)


def kept_by_definition(
    errors: NDArray[np.float64],
    known: NDArray[np.float64],
    case: NDArray[np.float64],
    error: float,
) -> bool:
    """Fit the quantile to patients and new case together: is the case's subgradient below .9?"""
    rows = np.c_[np.ones(len(known) + 1), np.r_[known, case[None]]]
    dual = linprog(
        -np.r_[errors, error],
        A_eq=rows.T,
        b_eq=np.zeros(rows.shape[1]),
        bounds=(-0.1, 0.9),
        method="highs-ds",
        options={
            "presolve": False,
            "primal_feasibility_tolerance": 1e-10,
            "dual_feasibility_tolerance": 1e-10,
        },
    )
    return bool(dual.x[-1] < 0.9 - 1e-8)


@pytest.mark.parametrize("kind", ["groups", "numbers", "both"])
@pytest.mark.parametrize("digits", [2, 12])  # ties, where MAPIE's path goes wrong, and none
def test_cutoff_is_where_the_definition_begins_to_refuse(kind: str, digits: int) -> None:
    for n in (30, 47, 100):
        rng = np.random.default_rng([n, digits])
        known, new = covariates(n, kind, rng), covariates(4, kind, rng)
        errors = np.round(np.abs(rng.normal(0, 0.05, n)), digits)
        cutoffs = conditional_cutoffs(errors, known, new, 0.1)
        for case, cutoff in zip(new, cutoffs, strict=True):
            below = min(cutoff, 10.0) - 1e-5
            assert kept_by_definition(errors, known, case, below)
            assert np.isinf(cutoff) or not kept_by_definition(errors, known, case, cutoff + 1e-5)


@pytest.mark.parametrize("n", [8, 9, 18, 19, 20, 57, 100])
@pytest.mark.parametrize("side", ["two-sided", "lower", "upper"])
def test_one_group_is_the_marginal_interval_and_disjoint_ones_are_each_their_own(
    n: int, side: str
) -> None:
    rng = np.random.default_rng(n)
    predicted, dice = rng.random((2, 2 * n))
    group = np.repeat(["A", "B"], n)
    mark = (group == "B").astype(float)[:, None]
    by_group = DiceInterval(side=side).calibrate(predicted[:n], dice[:n])
    ours = ConditionalInterval(side=side)
    alone = ours.calibrate(predicted[:n], dice[:n], np.zeros((n, 1)))
    both = ours.calibrate(predicted, dice, mark)
    zeros = np.zeros((5, 1))
    for found in (alone, both):
        for mine, theirs in zip(
            found.interval(predicted[:5], zeros), by_group.interval(predicted[:5]), strict=True
        ):
            np.testing.assert_allclose(mine, theirs, atol=1e-8)


def test_a_case_on_the_end_is_inside() -> None:
    errors = np.tile([0.05, 0.1, 0.15], 20)
    certificate = ConditionalInterval().calibrate(
        np.full(60, 0.5), 0.5 - errors, np.arange(60)[:, None] % 2
    )
    low, _ = certificate.interval([0.5, 0.5], [[0], [1]])
    assert (low <= 0.5 - 0.15).all()


def test_an_unseen_group_and_too_few_patients_get_the_whole_support() -> None:
    marks = np.c_[np.arange(40) < 5, np.zeros(40)]
    certificate = ConditionalInterval().calibrate(np.full(40, 0.5), np.full(40, 0.6), marks)
    low, high = certificate.interval(np.full(3, 0.5), [[0, 0], [1, 0], [0, 1]])
    assert low.round(6).tolist() == [0.4, 0.0, 0.0]
    assert high.round(6).tolist() == [0.6, 1.0, 1.0]
    nobody = ConditionalInterval().calibrate([], [], np.empty((0, 2)))
    assert nobody.interval([0.5], [[0, 0]])[1].tolist() == [1.0]


def hard_group(n: int, rng: np.random.Generator) -> Arrays:
    """Two marks that overlap; errors are three times as large where the first is set."""
    marks = (rng.random((n, 2)) < [0.2, 0.5]).astype(float)
    errors = rng.normal(0, np.where(marks[:, 0] == 1, 0.12, 0.04))
    return marks, np.full(n, 0.6), np.clip(0.6 + errors, 0, 1)


def test_coverage_holds_within_overlapping_groups_and_the_marginal_interval_fails_one() -> None:
    rng = np.random.default_rng(1)
    kept: dict[tuple[str, int, int], list[float]] = {}
    for _ in range(80):
        marks, predicted, dice = hard_group(120, rng)
        new, new_predicted, new_dice = hard_group(2000, rng)
        own = ConditionalInterval().calibrate(predicted, dice, marks).interval(new_predicted, new)
        marginal = DiceInterval().calibrate(predicted, dice).interval(new_predicted)
        for name, (low, high) in (("own", own), ("marginal", marginal)):
            inside = (low <= new_dice) & (new_dice <= high)
            for column in (0, 1):
                for value in (0, 1):
                    rows = new[:, column] == value
                    kept.setdefault((name, column, value), []).append(inside[rows].mean())
    for (name, column, value), shares in kept.items():
        slack = 2 * np.std(shares) / np.sqrt(len(shares))
        if name == "own":
            assert np.mean(shares) >= 0.9 - slack, (column, value)
            assert np.mean(shares) <= 0.96
    assert np.mean(kept["marginal", 0, 1]) < 0.8


def test_coverage_holds_after_a_linear_tilt_of_a_number_and_marginally_it_does_not() -> None:
    rng = np.random.default_rng(2)
    new = np.sqrt(np.linspace(0.05, 0.95, 10))[:, None]  # density 2 x: tilted to the hard cases
    own, marginal = ConditionalInterval(support=(-5, 5)), DiceInterval(support=(-5, 5))

    def error_size(x: NDArray[np.float64]) -> NDArray[np.float64]:
        return 0.02 + 0.15 * x[:, 0]

    kept, twin = [], []
    for _ in range(40):
        x, at = rng.random((150, 1)), np.zeros(150)
        dice = rng.normal(0, error_size(x))
        _, reach = own.calibrate(at, dice, x).interval(at[:10], new)
        kept.append((2 * norm.cdf(reach / error_size(new)) - 1).mean())
        _, reach = marginal.calibrate(at, dice).interval(at[:10])
        twin.append((2 * norm.cdf(reach / error_size(new)) - 1).mean())
    assert np.mean(kept) >= 0.9 - 2 * np.std(kept) / np.sqrt(40)
    assert np.mean(twin) < 0.87


def test_scale_patients_and_json() -> None:
    rng = np.random.default_rng(4)
    marks, predicted, dice = hard_group(60, rng)
    scale = 0.05 + 0.1 * marks[:, 0]
    certificate = ConditionalInterval().calibrate(predicted, dice, marks, scale)
    doubled = ConditionalInterval().calibrate(
        np.tile(predicted, 2),
        np.r_[dice, 1 - dice],
        np.tile(marks, (2, 1)),
        np.tile(scale, 2),
        np.tile(np.arange(60), 2),
    )
    assert doubled == certificate
    again = ConditionalIntervalCertificate.from_json(certificate.to_json())
    assert again == certificate
    for mine, theirs in zip(
        certificate.interval(predicted, marks, scale),
        again.interval(predicted, marks, scale),
        strict=True,
    ):
        assert mine.tobytes() == theirs.tobytes()
    assert "the 60 calibration patients" in again.promise
    assert "within every group that a column of 0 and 1" in again.promise
    with pytest.raises(InputError, match="received no scale"):
        certificate.interval(predicted, marks)


def test_pooling_slices_would_fail_the_group_that_patients_keep() -> None:
    rng = np.random.default_rng(9)
    marks, ids = np.arange(26).repeat(5)[:, None] % 2, np.arange(26).repeat(5)
    settings = ConditionalInterval(support=(-5, 5))
    honest, pooled = [], []
    for _ in range(150):
        dice = rng.normal(0, 0.02 + 0.1 * marks[::5, 0]).repeat(5)
        for kept, patients in ((honest, ids), (pooled, None)):
            certificate = settings.calibrate(np.zeros(130), dice, marks, patients=patients)
            _, reach = certificate.interval([0.0], [[1]])
            kept.append(2 * norm.cdf(reach[0] / 0.12) - 1)
    assert np.mean(honest) >= 0.9 - 2 * np.std(honest) / np.sqrt(150)
    assert np.mean(pooled) < 0.885


def test_a_distance_and_extrapolated_negative_cutoffs_stay_ordered() -> None:
    size = np.linspace(0, 1, 50)[:, None]
    settings = ConditionalInterval(support=(0, np.inf), measure="HD95")
    certificate = settings.calibrate(np.full(50, 5.0), 5.0 + 4.0 * size[:, 0], size)
    low, high = certificate.interval([5.0, 5.0], [[-0.2], [1.0]])
    assert low[0] == high[0] == 5.0
    assert (low[1], high[1]) == pytest.approx((1.0, 9.0), abs=1e-6)
    assert "[0, inf)" in certificate.promise


@pytest.mark.parametrize(
    ("conditions", "message"),
    [
        ([[0.0], [np.nan]], r"finite conditions; received \[nan\] in row 1"),
        ([[0.0]], r"conditions of shape \(2, k\)"),
        ([0.0, 1.0], r"conditions of shape \(2, k\)"),
        (np.empty((2, 0)), r"conditions of shape \(2, k\)"),
        ([["A"], ["B"]], "conditions of numbers.*columns of 0 and 1"),
    ],
)
def test_bad_conditions_are_refused_by_name(conditions, message: str) -> None:  # type: ignore[no-untyped-def]
    with pytest.raises(InputError, match=message):
        ConditionalInterval().calibrate([0.5, 0.5], [0.5, 0.5], conditions)


def test_bad_values_and_settings_are_refused_by_name() -> None:
    for settings in ({"miscoverage": 1.0}, {"side": "up"}, {"support": (1, 0)}):
        with pytest.raises(InputError, match=next(iter(settings))):
            ConditionalInterval(**settings)  # type: ignore[arg-type]
    certificate = ConditionalInterval().calibrate([0.5] * 9, [0.6] * 9, np.zeros((9, 2)))
    with pytest.raises(InputError, match=r"conditions of shape \(1, 2\)"):
        certificate.interval([0.5], [[1.0]])
    with pytest.raises(InputError, match="error in units of the scale"):
        ConditionalInterval().calibrate([500.0], [0.0], [[1.0]], [1e-307])
