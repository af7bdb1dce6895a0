import numpy as np
import pandas as pd
import pytest

from segqc_conformal.measures.schema import STANDARD
from segqc_conformal.quality.candidates import SUBSETS, default_candidates

NAMES = [f"feature_{name}" for name in STANDARD.names]


def rows(features: list[str], count: int = 40) -> tuple[pd.DataFrame, np.ndarray]:
    rng = np.random.default_rng(0)
    table = pd.DataFrame(rng.uniform(size=(count, len(features))), columns=features)
    return table.assign(structure=["a", "b"] * (count // 2)), rng.normal(size=count)


def test_every_feature_the_candidates_name_is_made_by_the_extraction() -> None:
    assert {name for subset in SUBSETS.values() for name in subset} <= set(STANDARD.names)


def test_all_candidates_are_offered_on_extracted_features() -> None:
    assert list(default_candidates(NAMES, 40)) == [*SUBSETS, "ridge", "forest"]


def test_features_of_ones_own_leave_out_the_subsets() -> None:
    assert list(default_candidates(["feature_x"], 40)) == ["ridge", "forest"]


@pytest.mark.parametrize("features", [NAMES, ["feature_x"], ["feature_pairwise_dice"]])
def test_each_model_fits_and_predicts_finite_numbers_far_from_its_data(
    features: list[str],
) -> None:
    table, target = rows(features)
    far = table.copy()
    far[features] = np.resize([-1e30, -1.0, 0.0, 0.5, 1.0, 1e9, 1e30], far[features].shape)
    far.loc[0, "structure"] = "never seen"
    for model in default_candidates(features, 40).values():
        assert np.isfinite(model.fit(table, target).predict(far)).all()


def test_a_structure_shifts_the_prediction() -> None:
    table, _ = rows(NAMES)
    target = (table["structure"] == "b").astype(float)
    for name, model in default_candidates(NAMES, 40).items():
        predicted = model.fit(table, target).predict(table)
        assert predicted[1::2].mean() > predicted[::2].mean() + 0.3, name


def test_the_seed_decides_the_forest() -> None:
    table, target = rows(NAMES)

    def forest(seed: int) -> bytes:
        model = default_candidates(NAMES, 40, seed)["forest"]
        return bytes(model.fit(table, target).predict(table).tobytes())

    assert forest(0) == forest(0) != forest(1)
