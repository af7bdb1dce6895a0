import numpy as np
import pandas as pd
import pytest
from sklearn.ensemble import VotingRegressor
from sklearn.linear_model import Ridge

from segqc_conformal.adapters.skops_store import TRUSTED_REGRESSORS, dump_models, load_models
from segqc_conformal.errors import TamperedError
from segqc_conformal.quality.candidates import default_candidates


class Foreign:
    """A class that is not scikit-learn's."""


def training() -> tuple[pd.DataFrame, np.ndarray]:
    rng = np.random.default_rng(0)
    names = ["feature_pairwise_dice", "feature_soft_dice_confidence", "feature_volume_ml"]
    table = pd.DataFrame(rng.uniform(size=(30, 3)), columns=names)
    return table.assign(structure=["a", "b"] * 15), rng.normal(size=30)


def test_every_default_model_comes_back_and_predicts_the_same_bits() -> None:
    table, target = training()
    features = list(table.columns[:3])
    candidates = default_candidates(features, 30)
    average = VotingRegressor(list(candidates.items()), weights=[1.0] * len(candidates))
    for name, model in {**candidates, "average": average}.items():
        fitted = model.fit(table, target)
        loaded = load_models(dump_models({"model": fitted, "cross": {}}))
        assert loaded["cross"] == {}
        assert loaded["model"].predict(table).tobytes() == fitted.predict(table).tobytes(), name


@pytest.mark.parametrize("model", [Foreign(), {"deep": [Foreign()]}, Foreign])
def test_a_foreign_type_is_refused(model: object) -> None:
    with pytest.raises(TamperedError, match="scikit-learn, MAPIE and numpy types"):
        load_models(dump_models({"model": model, "cross": {}}))


def test_a_function_that_could_run_code_is_refused() -> None:
    from sklearn.preprocessing import FunctionTransformer

    runs_text = np.testing.runstring
    with pytest.raises(TamperedError, match="runstring"):
        load_models(dump_models({"model": FunctionTransformer(runs_text), "cross": {}}))


def test_only_listed_types_of_mapie_are_trusted() -> None:
    import importlib

    from mapie.utils import check_sklearn_user_model_is_fitted
    from sklearn.preprocessing import FunctionTransformer

    for name in TRUSTED_REGRESSORS:
        module, _, kind = name.rpartition(".")
        assert isinstance(getattr(importlib.import_module(module), kind), type), name
    transformer = FunctionTransformer(check_sklearn_user_model_is_fitted)
    with pytest.raises(TamperedError, match="check_sklearn_user_model_is_fitted"):
        load_models(dump_models({"model": transformer}))


@pytest.mark.parametrize("size", [0, 1, 100, -1, -30])
def test_a_cut_file_is_refused(size: int) -> None:
    with pytest.raises(TamperedError, match=r"readable predictor\.skops"):
        load_models(dump_models({"model": Ridge(), "cross": {}})[:size])


def test_bytes_that_are_no_archive_are_refused() -> None:
    with pytest.raises(TamperedError):
        load_models(b"\x80\x04K\x01.")
