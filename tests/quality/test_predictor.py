from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
import pytest
from scipy.special import expit, logit
from sklearn.base import clone
from sklearn.compose import make_column_transformer
from sklearn.dummy import DummyRegressor
from sklearn.model_selection import GroupKFold
from sklearn.neighbors import KNeighborsRegressor
from sklearn.pipeline import make_pipeline

from segqc_conformal.features.table import check_feature_table
from segqc_conformal.quality.predictor import fit_quality

Cohort = Callable[..., pd.DataFrame]


@pytest.fixture
def table(cohort: Cohort) -> pd.DataFrame:
    return check_feature_table(cohort(40))


def test_predictions_are_dice_and_scales_are_positive(
    table: pd.DataFrame, cohort: Cohort, cheap: dict[str, Any]
) -> None:
    quality, out_of_fold = fit_quality(table, candidates=cheap)
    assert quality.name == "ridge"
    assert quality.features == ("feature_agreement", "feature_noise", "feature_volume_ml")
    extreme = check_feature_table(cohort(20, 900))
    extreme["feature_agreement"] = np.linspace(-1e6, 1e6, 40)
    for predicted, scale in (quality.predict(extreme), out_of_fold.to_numpy().T):
        assert ((predicted >= 0) & (predicted <= 1)).all()
        assert ((scale > 0) & np.isfinite(scale)).all()
    assert out_of_fold.index.equals(table.index)
    assert [part.shape for part in quality.predict(table.iloc[:0])] == [(0,), (0,)]


def test_out_of_fold_values_come_from_models_without_the_patient(
    table: pd.DataFrame, cheap: dict[str, Any]
) -> None:
    visits = pd.concat([table, table.assign(case_id="b" + table["case_id"])], ignore_index=True)
    quality, out_of_fold = fit_quality(visits, candidates=cheap)
    features = ["feature_agreement", "feature_noise", "feature_volume_ml", "structure"]
    target = logit(np.clip(visits["dice"], 0.02, 0.98))
    expected = np.empty(len(visits))
    for seen, held_out in GroupKFold(5).split(visits, groups=visits["patient_id"]):
        assert not set(visits["patient_id"][seen]) & set(visits["patient_id"][held_out])
        model = clone(cheap["ridge"]).fit(visits[features].iloc[seen], target.iloc[seen])
        expected[held_out] = expit(model.predict(visits[features].iloc[held_out]))
    np.testing.assert_allclose(out_of_fold["scale"], (1 - expected) ** quality.power, rtol=1e-10)
    moved = np.clip(expected + quality.centre * out_of_fold["scale"], 0, 1)
    np.testing.assert_allclose(out_of_fold["predicted_dice"], moved, rtol=1e-10)


def test_memory_of_a_patient_shows_only_in_fold(table: pd.DataFrame) -> None:
    """A 1-nearest neighbour knows its own rows by heart: out of fold it must not."""
    noisy = table.assign(dice=np.random.default_rng(0).uniform(0.05, 0.95, len(table)))
    seen = make_column_transformer(("passthrough", ["feature_noise", "feature_volume_ml"]))
    candidates = {"neighbour": make_pipeline(seen, KNeighborsRegressor(1))}
    quality, out_of_fold = fit_quality(noisy, candidates=candidates)
    in_fold, scale = quality.predict(noisy)
    unmoved = in_fold - quality.centre * scale
    inside = (in_fold > 0) & (in_fold < 1)
    assert inside.mean() > 0.8
    assert np.abs(unmoved - noisy["dice"])[inside].max() < 1e-9
    assert np.abs(out_of_fold["predicted_dice"] - noisy["dice"]).mean() > 0.2


def test_a_useless_candidate_weighs_little_and_widens_the_interval_by_less_than_a_tenth(
    table: pd.DataFrame, cheap: dict[str, Any]
) -> None:
    useless = make_pipeline(
        make_column_transformer(("passthrough", ["feature_noise"])), DummyRegressor()
    )
    named: list[str] = []
    quality, _ = fit_quality(table, candidates={"useless": useless, **cheap}, progress=named.append)
    assert named == ["useless", "ridge"]
    assert len(quality.choice) == 12  # four powers for each candidate and for the average
    narrowest = [
        min(width for name, width in quality.choice.items() if name.startswith(one))
        for one in named
    ]
    useless_weight, weight = quality.model.weights
    assert useless_weight / weight == pytest.approx((narrowest[0] / narrowest[1]) ** -4)
    assert useless_weight < 0.25
    assert quality.choice["average, power 0.5"] < 1.1 * quality.choice["ridge, power 0.5"]
    assert quality.name == f"{useless_weight:.2f} useless + {weight:.2f} ridge"


def test_candidates_of_equal_worth_weigh_the_same(
    table: pd.DataFrame, cheap: dict[str, Any]
) -> None:
    quality, _ = fit_quality(table, candidates={"one": cheap["ridge"], "two": cheap["ridge"]})
    alone, _ = fit_quality(table, candidates=cheap)
    assert quality.model.weights == [0.5, 0.5]
    np.testing.assert_allclose(quality.predict(table), alone.predict(table), rtol=1e-12)


def test_candidates_given_are_not_fitted_themselves(
    table: pd.DataFrame, cheap: dict[str, Any]
) -> None:
    fit_quality(table, candidates=cheap)
    assert not hasattr(cheap["ridge"][-1], "coef_")


def test_the_same_table_gives_the_same_bits(table: pd.DataFrame) -> None:
    first, _ = fit_quality(table)
    second, _ = fit_quality(table)
    assert first.choice == second.choice
    for mine, its in zip(first.predict(table), second.predict(table), strict=True):
        assert mine.tobytes() == its.tobytes()


@pytest.mark.parametrize("rows", [0, 1, 9])
def test_with_few_rows_the_median_dice_is_predicted(table: pd.DataFrame, rows: int) -> None:
    quality, out_of_fold = fit_quality(table.iloc[:rows])
    assert quality.name == "median"
    predicted, scale = quality.predict(table)
    expected = expit(np.median(logit(np.clip(table["dice"][:rows], 0.02, 0.98)))) if rows else 0.5
    np.testing.assert_allclose(predicted, expected)
    assert (scale == 1.0).all()
    assert len(out_of_fold) == rows


def test_one_patient_alone_cannot_be_cross_validated(table: pd.DataFrame) -> None:
    assert fit_quality(table.assign(patient_id="p"))[0].name == "median"


@pytest.mark.parametrize("dice", [0.0, 0.9, 1.0])
def test_a_constant_dice_is_no_error(
    table: pd.DataFrame, cheap: dict[str, Any], dice: float
) -> None:
    predicted, scale = fit_quality(table.assign(dice=dice), candidates=cheap)[0].predict(table)
    np.testing.assert_allclose(predicted, dice, atol=1e-6)
    assert (scale > 0).all()


def test_a_constant_feature_is_no_error(table: pd.DataFrame) -> None:
    quality, _ = fit_quality(table.assign(feature_noise=3.0))
    assert np.isfinite(quality.predict(table)[0]).all()
