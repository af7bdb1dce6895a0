from dataclasses import replace

import numpy as np
import pytest

from segqc_conformal.case import Case
from segqc_conformal.features.extractor import FeatureExtractor
from segqc_conformal.quality.net import judged_cases
from segqc_conformal.sampling.deep_ensemble import DeepEnsemble
from segqc_conformal.sampling.predictor import Predictor
from segqc_conformal.uncertainty.accumulator import UncertaintyAccumulator

MODELS = [
    Predictor(lambda x, k=k: x * k, activation="sigmoid", model_id=str(k)) for k in (1.0, 2.0)
]
EXTRACTOR = FeatureExtractor(None, DeepEnsemble(MODELS), {"lesion": 1})
CASE = Case(
    np.random.default_rng(0).normal(size=(1, 6, 7)),
    case_id="c",
    patient_id="p",
    spacing_mm=(1.0, 2.0),
    reference=np.ones((6, 7), int),
)


def test_maps_and_mask_are_those_of_the_accumulator() -> None:
    accumulator = UncertaintyAccumulator({"lesion": 1}, (1.0, 2.0))
    for model in MODELS:
        accumulator.update(model(CASE.image))
    (made,) = judged_cases([CASE], EXTRACTOR, ["predictive_entropy", "mutual_information"])
    assert np.array_equal(made.mask, accumulator.fused_mask())
    for name, values in accumulator.maps(["predictive_entropy", "mutual_information"]).items():
        assert np.array_equal(made.maps[name], values.reshape(1, 6, 7))
    assert (made.spacing, made.patient_id) == ((1.0, 2.0), "p")
    assert np.array_equal(made.reference, CASE.reference)


def test_a_deployed_mask_is_the_judged_one() -> None:
    mask = np.zeros((6, 7), int)
    mask[2, 3] = 1
    (made,) = judged_cases([replace(CASE, mask=mask)], EXTRACTOR)
    assert np.array_equal(made.mask, mask)


def test_cases_are_made_one_at_a_time_with_features_of_ones_own() -> None:
    asked: list[str] = []

    def features(case: Case) -> dict[str, np.ndarray]:
        asked.append(case.case_id)
        return {"own": np.ones((2, 6, 7))}

    made = judged_cases([CASE, replace(CASE, case_id="d")], EXTRACTOR, features=features)
    assert next(made).features["own"].shape == (2, 6, 7)
    assert asked == ["c"]
    with pytest.raises(StopIteration):
        (next(made), next(made))
