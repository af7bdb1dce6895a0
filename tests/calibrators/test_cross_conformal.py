from itertools import pairwise

import numpy as np
import pandas as pd
import pytest
from mapie.regression import CrossConformalRegressor, SplitConformalRegressor
from numpy.typing import NDArray
from sklearn.ensemble import RandomForestRegressor
from sklearn.linear_model import LinearRegression, Ridge
from sklearn.model_selection import PredefinedSplit
from sklearn.neighbors import KNeighborsRegressor

from segqc_conformal.calibrators import CrossConformalInterval
from segqc_conformal.calibrators.cross_certificate import CrossConformalCertificate, cross_rank
from segqc_conformal.errors import InputError, TamperedError
from segqc_conformal.quality.candidates import default_candidates

Arrays = tuple[NDArray[np.float64], NDArray[np.float64]]


def world(n: int, columns: int, rng: np.random.Generator) -> Arrays:
    """The first feature informs, the others do not."""
    features = rng.normal(size=(n, columns))
    return features, np.clip(0.7 + 0.1 * features[:, 0] + rng.normal(0, 0.08, n), 0, 1)


def covered(interval: Arrays, dice: NDArray[np.float64]) -> float:
    low, high = interval
    return float(((low <= dice) & (dice <= high)).mean())


def test_rank_is_that_of_the_theorem_for_every_number_of_patients() -> None:
    for n in range(1, 200):
        for m in (m for m in range(1, n + 1) if n % m == 0):
            for tenths, alpha in ((1, 0.1), (2, 0.2)):
                rank = -(-(n + m) * (10 - tenths) // 10)
                assert cross_rank("minmax", n, m, alpha) == (rank if rank <= n else None)
                rank = -(-(n + m) * (20 - tenths) // 20)
                found = cross_rank("plus", n, m, alpha)
                assert found == (rank if rank <= n else None)
                # what counting the pairs proves: 2 (n - rank) + m of n + m may miss
                assert found is None or 10 * (2 * (n - found) + m) <= tenths * (n + m)


@pytest.mark.parametrize("method", ["minmax", "plus"])
@pytest.mark.parametrize(("n", "folds"), [(20, None), (40, None), (60, 20), (60, 30)])
@pytest.mark.parametrize("model", [Ridge(), RandomForestRegressor(5, random_state=0)])
def test_equals_mapie_on_the_same_folds(method: str, n: int, folds: int | None, model) -> None:  # type: ignore[no-untyped-def]
    if folds is None or isinstance(model, Ridge):
        rng = np.random.default_rng(n)
        features, dice = world(n, 3, rng)
        new, _ = world(50, 3, rng)
        ours = CrossConformalInterval(method=method, folds=folds).calibrate(model, features, dice)
        low, high = ours.interval(new)
        rank = cross_rank(method, n, n // (folds or n), 0.1)
        assert rank is not None
        # half a rank below asks MAPIE for this one; the seed shows the order of the patients
        order = np.random.default_rng(0).permutation(n)
        mapie = CrossConformalRegressor(
            model,
            confidence_level=(rank - 0.5) / (n + 1),
            method=method,
            cv=PredefinedSplit(ours.folds),
        ).fit_conformalize(features[order], dice[order])
        assert mapie.conformity_scores.tolist() == list(ours.nonconformity)
        _, theirs = mapie.predict_interval(new, allow_infinite_bounds=True)
        np.testing.assert_allclose(low, np.clip(theirs[:, 0, 0], 0, 1), atol=1e-12)
        np.testing.assert_allclose(high, np.clip(theirs[:, 1, 0], 0, 1), atol=1e-12)


def test_ends_are_the_order_statistics_worked_out_by_hand() -> None:
    features, dice = world(20, 1, np.random.default_rng(0))
    new = np.array([[0.3], [-1.0]])
    settings = CrossConformalInterval(miscoverage=0.2)
    minmax = settings.calibrate(LinearRegression(), features, dice)
    errors, predicted = [], []
    for i in range(20):
        kept = np.arange(20) != i
        model = LinearRegression().fit(features[kept], dice[kept])
        errors.append(abs(dice[i] - model.predict(features[[i]])[0]))
        predicted.append(model.predict(new))
    reach = sorted(errors)[16]  # ceil(21 x .8) = 17
    low, high = minmax.interval(new)
    np.testing.assert_allclose(low, np.min(predicted, axis=0) - reach, atol=1e-12)
    np.testing.assert_allclose(high, np.max(predicted, axis=0) + reach, atol=1e-12)
    plus = CrossConformalInterval(0.2, "plus").calibrate(LinearRegression(), features, dice)
    low, high = plus.interval(new)  # ceil(21 x .9) = 19
    below = np.sort(np.array(predicted) - np.array(errors)[:, None], axis=0)
    above = np.sort(np.array(predicted) + np.array(errors)[:, None], axis=0)
    np.testing.assert_allclose(low, below[1], atol=1e-12)
    np.testing.assert_allclose(high, above[18], atol=1e-12)


@pytest.mark.parametrize(("method", "fewest"), [("minmax", 9), ("plus", 19)])
def test_too_few_patients_give_the_whole_support_without_fitting(method: str, fewest: int) -> None:
    settings = CrossConformalInterval(method=method)
    for n in range(fewest):
        features, dice = world(n, 2, np.random.default_rng(n))
        certificate = settings.calibrate(Ridge(), features, dice)
        low, high = certificate.interval([[0.0, 0.0]])
        assert (low[0], high[0]) == (0.0, 1.0)
        assert f"Too few calibration patients ({n})" in certificate.promise
        again = CrossConformalCertificate.from_json(certificate.to_json(), certificate.to_skops())
        assert again == certificate
    one = CrossConformalInterval(0.9, method).calibrate(Ridge(), [[1.0, 1.0]], [0.5])
    assert one.interval([[1.0, 1.0]])[1].tolist() == [1.0]
    features, dice = world(fewest, 2, np.random.default_rng(0))
    low, high = settings.calibrate(Ridge(), features, dice).interval([[0.0, 0.0]])
    assert 0.0 < low[0] < high[0] < 1.0


@pytest.mark.parametrize("method", ["minmax", "plus"])
def test_reloaded_certificate_gives_the_same_bits(method: str) -> None:
    rng = np.random.default_rng(3)
    features, dice = world(8, 3, rng)
    names = ["feature_pairwise_dice", "feature_soft_dice_confidence", "feature_volume_ml"]
    table = pd.DataFrame(features, columns=names).assign(structure="a")
    new = pd.DataFrame(rng.normal(size=(40, 3)), columns=names).assign(structure="a")
    model = default_candidates(names, 7)["ridge"]
    certificate = CrossConformalInterval(0.3, method).calibrate(model, table, dice)
    assert len(certificate.models) == 8
    again = CrossConformalCertificate.from_json(certificate.to_json(), certificate.to_skops())
    assert again == certificate
    assert again.promise == certificate.promise
    for ours, reloaded in zip(certificate.interval(new), again.interval(new), strict=True):
        assert ours.tobytes() == reloaded.tobytes()


def test_models_of_another_certificate_or_of_a_foreign_type_are_refused() -> None:
    features, dice = world(20, 2, np.random.default_rng(0))
    one = CrossConformalInterval().calibrate(Ridge(), features, dice)
    other = CrossConformalInterval().calibrate(Ridge(), features[:19], dice[:19])
    with pytest.raises(InputError, match="a model for each of the 20 folds; received 19"):
        CrossConformalCertificate.from_json(one.to_json(), other.to_skops())
    with pytest.raises(TamperedError):
        CrossConformalCertificate.from_json(one.to_json(), b"no archive")


@pytest.mark.parametrize("n", [20, 30, 40])
@pytest.mark.parametrize("columns", [1, 12])
def test_coverage_holds_and_without_cross_fitting_it_does_not(n: int, columns: int) -> None:
    rng = np.random.default_rng([n, columns])
    kept, twin = [], []
    for seed in range(6):
        features, dice = world(n, columns, rng)
        new, new_dice = world(400, columns, rng)
        certificate = CrossConformalInterval(seed=seed).calibrate(
            LinearRegression(), features, dice
        )
        kept.append(covered(certificate.interval(new), new_dice))
        naive = SplitConformalRegressor(LinearRegression(), prefit=False).fit(features, dice)
        _, ends = naive.conformalize(features, dice).predict_interval(new)
        twin.append(covered((ends[:, 0, 0], ends[:, 1, 0]), new_dice))
    slack = 2 * np.std(kept) / np.sqrt(6)
    assert np.mean(kept) >= 0.9 - slack
    if columns == 12:
        assert np.mean(twin) < 0.8


@pytest.mark.parametrize("settings", [("plus", None), ("minmax", 10), ("minmax", 20)])
def test_coverage_of_the_plus_form_and_of_folds(settings: tuple[str, int | None]) -> None:
    method, folds = settings
    rng = np.random.default_rng(5)
    kept = []
    for seed in range(6):
        features, dice = world(40, 6, rng)
        new, new_dice = world(400, 6, rng)
        cross = CrossConformalInterval(method=method, folds=folds, seed=seed)
        kept.append(
            covered(cross.calibrate(LinearRegression(), features, dice).interval(new), new_dice)
        )
    assert np.mean(kept) >= 0.9 - 2 * np.std(kept) / np.sqrt(6)


def visits(patients: int, rng: np.random.Generator) -> Arrays:
    """Five rows of each patient: nearly the same features, nearly the same Dice."""
    features = rng.normal(size=(patients, 2)).repeat(5, axis=0)
    level = np.clip(rng.normal(0.7, 0.12, patients), 0, 1).repeat(5)
    rows = len(level)
    return features + rng.normal(0, 0.01, features.shape), np.clip(
        level + rng.normal(0, 0.01, rows), 0, 1
    )


def test_pooling_rows_of_a_patient_would_cover_too_little() -> None:
    rng = np.random.default_rng(7)
    ids = np.arange(20).repeat(5)
    honest, pooled = [], []
    for seed in range(8):
        features, dice = visits(20, rng)
        new, new_dice = (part[::5] for part in visits(300, rng))
        cross = CrossConformalInterval(folds=10, seed=seed)
        model = KNeighborsRegressor(1)
        for kept, patients in ((honest, ids), (pooled, None)):
            certificate = cross.calibrate(model, features, dice, patients)
            assert certificate.patients == (100 if patients is None else 20)
            kept.append(covered(certificate.interval(new), new_dice))
    assert np.mean(honest) >= 0.9
    assert np.mean(pooled) < 0.8


def test_first_row_of_each_patient_counts_and_the_others_fit_nothing() -> None:
    features, dice = world(40, 2, np.random.default_rng(1))
    doubled = CrossConformalInterval().calibrate(
        Ridge(), np.r_[features, features + 9], np.r_[dice, 1 - dice], np.tile(np.arange(40), 2)
    )
    alone = CrossConformalInterval().calibrate(Ridge(), features, dice)
    assert doubled == alone
    assert doubled.interval(features)[0].tolist() == alone.interval(features)[0].tolist()


def test_seed_decides_the_folds_and_numpys_generator_is_left_alone() -> None:
    features, dice = world(20, 2, np.random.default_rng(0))
    state = np.random.get_state()[1].tolist()  # noqa: NPY002
    made = [
        CrossConformalInterval(folds=10, seed=seed).calibrate(Ridge(), features, dice)
        for seed in (0, 0, 1)
    ]
    assert np.random.get_state()[1].tolist() == state  # noqa: NPY002
    assert made[0] == made[1] != made[2]
    assert sorted(made[0].folds) == sorted(list(range(10)) * 2)


def test_a_distance_keeps_its_own_support() -> None:
    rng = np.random.default_rng(0)
    features = rng.random((20, 1))
    settings = CrossConformalInterval(support=(0, np.inf), measure="HD95 (mm)")
    certificate = settings.calibrate(LinearRegression(), features, rng.exponential(5.0, 20))
    low, high = certificate.interval(features)
    assert (low == 0).any()
    assert (high > 5).all()
    assert "true HD95 (mm)" in certificate.promise
    again = CrossConformalCertificate.from_json(certificate.to_json(), certificate.to_skops())
    assert again.interval(features)[1].tobytes() == high.tobytes()
    few = settings.calibrate(LinearRegression(), features[:5], np.ones(5))
    assert few.interval(features)[1].tolist() == [np.inf] * 20


@pytest.mark.parametrize("method", ["minmax", "plus"])
def test_the_central_prediction_lies_inside_the_interval(method: str) -> None:
    rng = np.random.default_rng(4)
    features, dice = world(24, 6, rng)
    new, _ = world(300, 6, rng)
    found = CrossConformalInterval(0.3, method=method).calibrate(Ridge(1e-3), features, dice)
    (low, high), predicted = found.interval(new), found.predicted(new)
    assert ((low <= predicted) & (predicted <= high)).all()
    models = [model.predict(new) for model in found.models]
    assert predicted == pytest.approx(np.clip(np.median(models, axis=0), 0, 1))
    few = CrossConformalInterval(method=method).calibrate(Ridge(), features[:5], dice[:5])
    assert np.isnan(few.predicted(new)).all()


def test_promises_say_what_is_proven() -> None:
    features, dice = world(40, 2, np.random.default_rng(0))

    def promise(**settings) -> str:  # type: ignore[no-untyped-def]
        return CrossConformalInterval(**settings).calibrate(Ridge(), features, dice).promise

    minmax, folds, plus = promise(), promise(folds=20), promise(method="plus")
    assert "exchangeable with the 40 labelled patients" in minmax
    assert "at least 90%" in minmax
    assert "cross-conformal, minmax form)" in minmax
    assert "drawn independently, like the 40 labelled patients" in folds
    assert "plus form run at 95%, because it is proven to twice the misses" in plus
    for text in (minmax, folds, plus):
        assert "nothing is promised with confidence in this one calibration" in text
        assert "cannot certify an accept threshold" in text
    assert all(one != other for one, other in pairwise((minmax, folds, plus)))


def test_bad_input_is_refused_by_name() -> None:
    features, dice = world(20, 2, np.random.default_rng(0))
    cross = CrossConformalInterval()
    for settings, words in (
        ({"miscoverage": 0.0}, "miscoverage"),
        ({"method": "base"}, "method one of"),
        ({"folds": 1}, "folds of 2 or more"),
        ({"support": (1, 0)}, "support"),
    ):
        with pytest.raises(InputError, match=words):
            CrossConformalInterval(**settings)  # type: ignore[arg-type]
    with pytest.raises(InputError, match=r"dice in \[0, 1\]; received 1.5 in row 0"):
        cross.calibrate(Ridge(), features, np.r_[1.5, dice[1:]])
    with pytest.raises(InputError, match=r"features of shape \(20, features\)"):
        cross.calibrate(Ridge(), features[:19], dice)
    with pytest.raises(InputError, match="patients of shape"):
        cross.calibrate(Ridge(), features, dice, ["p"])
    with pytest.raises(InputError, match=r"can be fitted on these features.*NaN"):
        cross.calibrate(Ridge(), np.where(np.arange(20)[:, None] == 3, np.nan, features), dice)
    with pytest.raises(InputError, match="can be fitted"):
        cross.calibrate("ridge", features, dice)
    with pytest.raises(InputError, match="folds that divide the 20 patients"):
        CrossConformalInterval(folds=19, miscoverage=0.3).calibrate(Ridge(), features, dice)
    certificate = cross.calibrate(Ridge(), features, dice)
    with pytest.raises(InputError, match="like those of the calibration"):
        certificate.interval(features[:, :1])
    with pytest.raises(InputError, match=r"features of shape \(cases, features\)"):
        certificate.interval([0.1, 0.2])
    assert certificate.interval(np.empty((0, 2)))[0].shape == (0,)
