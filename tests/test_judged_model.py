import random
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import nibabel
import numpy as np
import pandas as pd
import pytest
import torch
from monai.networks.nets import UNet
from sklearn.compose import make_column_transformer
from sklearn.linear_model import Ridge
from sklearn.pipeline import make_pipeline

from segqc_conformal.case import Case
from segqc_conformal.case_log import CaseLog
from segqc_conformal.errors import IdentityError, SamplingError
from segqc_conformal.features.extract import extract_features
from segqc_conformal.gate import CalibratedGate
from segqc_conformal.judged_model import JudgedModel
from segqc_conformal.measures.schema import FeatureSchema
from segqc_conformal.quality_gate import QualityGate
from segqc_conformal.sampling.deep_ensemble import DeepEnsemble
from segqc_conformal.sampling.mc_dropout import MCDropout
from segqc_conformal.sampling.predictor import Predictor
from segqc_conformal.sampling.single_pass import SinglePass

STRUCTURES = {"inner": 1, "outer": 2}


def unet(seed: int = 0) -> UNet:
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        return UNet(2, 1, 3, channels=(4, 8), strides=(2,), num_res_units=1, dropout=0.3)


def case(number: int, **changes: Any) -> Case:
    rng = np.random.default_rng(number)
    image = rng.normal(size=(1, 8, 8)).astype(np.float32)
    mask = rng.integers(0, 3, (8, 8))
    given = {"mask": mask, "reference": mask * rng.integers(0, 2, (8, 8)), "spacing_mm": (1, 1)}
    return Case(image, f"c{number}", f"p{number}", **{**given, **changes})


def calibrated(predictor: Predictor | None, sampler: Any) -> CalibratedGate:
    table = extract_features(
        [case(number) for number in range(40)],
        predictor,
        sampler,
        structures=STRUCTURES,
        progress=False,
    )
    seen = make_column_transformer(("passthrough", ["feature_predictive_entropy"]))
    return QualityGate().calibrate(table, candidates={"ridge": make_pipeline(seen, Ridge())})


def parts(kind: str) -> tuple[Predictor | None, Any, list[torch.nn.Module]]:
    models = [unet(seed) for seed in range(3)]
    if kind == "ensemble":
        return None, DeepEnsemble([Predictor(model) for model in models]), models
    sampler = SinglePass() if kind == "single" else MCDropout(samples=3)
    return Predictor(models[0]), sampler, models[:1]


@pytest.fixture(scope="module")
def single() -> Iterator[tuple[Predictor, CalibratedGate]]:
    predictor = Predictor(unet())
    return predictor, calibrated(predictor, SinglePass())


def state(models: list[torch.nn.Module]) -> list[object]:
    return [
        random.getstate(),
        np.random.get_state()[1].tobytes(),  # noqa: NPY002
        np.random.get_state()[2],  # noqa: NPY002
        torch.get_rng_state().numpy().tobytes(),
        torch.is_grad_enabled(),
        [module.training for model in models for module in model.modules()],
        [value.numpy().tobytes() for model in models for value in model.state_dict().values()],
        [(id(p.grad), p.grad.numpy().tobytes()) for model in models for p in model.parameters()],
        [p.requires_grad for model in models for p in model.parameters()],
    ]


@pytest.mark.parametrize("kind", ["single", "dropout", "ensemble"])
def test_a_verdict_leaves_the_model_as_found_and_is_that_of_the_gate(kind: str) -> None:
    predictor, sampler, models = parts(kind)
    gate = calibrated(predictor, sampler)
    for model in models:
        for number, module in enumerate(model.modules()):
            module.training = number % 3 == 0
        for number, parameter in enumerate(model.parameters()):
            parameter.grad = torch.full_like(parameter, float(number))
    judge = JudgedModel(predictor, sampler, gate, STRUCTURES)
    before = state(models)
    verdict = judge(case(1000))
    assert state(models) == before
    expected = extract_features(
        [case(1000)], predictor, sampler, structures=STRUCTURES, progress=False
    )
    pd.testing.assert_frame_equal(verdict.rows, gate.judge(expected))
    whole = verdict.rows.iloc[-1]
    assert whole["structure"] == "whole_case"
    assert (verdict.case_id, verdict.accept, verdict.reason, verdict.message) == (
        "c1000",
        whole["accept"],
        whole["reason"],
        whole["message"],
    )
    assert verdict.mask is not None
    np.testing.assert_array_equal(verdict.mask, case(1000).mask)
    assert verdict.maps()["predictive_entropy"].shape == (8, 8)


def test_maps_and_judged_mask_of_a_verdict_are_saved_with_the_images_affine(
    single: tuple[Predictor, CalibratedGate], tmp_path: Path
) -> None:
    affine = np.diag([-1.0, -1.0, 3.0, 1.0])
    judge = JudgedModel(single[0], SinglePass(), single[1], STRUCTURES)
    verdict = judge(case(1000, affine=affine))
    written = verdict.save_maps(tmp_path)
    assert {"mask.nii.gz", "predictive_entropy.nii.gz"} <= {path.name for path in written}
    mask = nibabel.load(tmp_path / "mask.nii.gz")
    np.testing.assert_array_equal(mask.affine, affine)
    np.testing.assert_array_equal(mask.get_fdata()[..., 0], verdict.mask)
    failed = judge(Case(np.zeros((2, 8, 8)), "c1", "p1", spacing_mm=(1.0, 1.0)))
    assert failed.save_maps(tmp_path / "none") == []


def test_a_gate_of_another_schema_is_refused(single: tuple[Predictor, CalibratedGate]) -> None:
    with pytest.raises(IdentityError, match=r"schema_version standard-1; received full-1"):
        JudgedModel(single[0], SinglePass(), single[1], STRUCTURES, schema=FeatureSchema("full"))


def test_a_gate_of_another_model_sampler_or_structures_is_refused(
    single: tuple[Predictor, CalibratedGate],
) -> None:
    predictor, gate = single
    with pytest.raises(IdentityError, match="model_id"):
        JudgedModel(Predictor(unet(1)), SinglePass(), gate, STRUCTURES)
    with pytest.raises(IdentityError, match="sampler_id"):
        JudgedModel(predictor, MCDropout(samples=3), gate, STRUCTURES)
    with pytest.raises(IdentityError, match="structures"):
        JudgedModel(predictor, SinglePass(), gate, {"inner": 1})
    with pytest.raises(IdentityError, match="structures"):
        JudgedModel(predictor, SinglePass(), gate, {"inner": 1, "rim": 2})
    with pytest.raises(SamplingError):
        JudgedModel(None, SinglePass(), gate, STRUCTURES)


def test_another_kind_of_judged_mask_is_referred(single: tuple[Predictor, CalibratedGate]) -> None:
    predictor, gate = single
    verdict = JudgedModel(predictor, SinglePass(), gate, STRUCTURES)(case(1000, mask=None))
    assert (verdict.accept, verdict.reason) == (False, "input_error")
    assert "expected judged deployed; received fused" in verdict.rows["message"].iloc[0]


@pytest.mark.parametrize(
    "error",
    [
        RuntimeError("CUDA out of memory"),
        ValueError("x"),
        TypeError("x"),
        KeyError("x"),
        IndexError("x"),
        OSError("x"),
        MemoryError("x"),
        ZeroDivisionError("x"),
        AssertionError("x"),
        NotImplementedError("x"),
    ],
    ids=lambda error: type(error).__name__,
)
def test_whatever_the_model_raises_the_case_is_referred(
    single: tuple[Predictor, CalibratedGate], error: Exception
) -> None:
    predictor, gate = single

    def broken(image: torch.Tensor) -> torch.Tensor:
        raise error

    failing = Predictor(broken, model_id=predictor.model_id)
    verdict = JudgedModel(failing, SinglePass(), gate, STRUCTURES)(case(1000))
    assert (verdict.accept, verdict.reason) == (False, "input_error")
    assert verdict.rows["structure"].tolist() == ["inner", "outer", "whole_case"]
    assert f"case c1000: {type(error).__name__}: " in verdict.rows["message"].iloc[0]
    assert (verdict.mask, verdict.maps()) == (None, {})


def test_a_model_that_gives_nan_is_referred(single: tuple[Predictor, CalibratedGate]) -> None:
    predictor, gate = single
    lost = Predictor(
        lambda image: image.repeat(1, 3, 1, 1) * torch.nan, model_id=predictor.model_id
    )
    verdict = JudgedModel(lost, SinglePass(), gate, STRUCTURES)(case(1000))
    assert (verdict.accept, verdict.reason) == (False, "input_error")


def test_an_empty_deployed_mask_is_referred(single: tuple[Predictor, CalibratedGate]) -> None:
    predictor, gate = single
    empty = case(1000, mask=np.zeros((8, 8), dtype=int))
    verdict = JudgedModel(predictor, SinglePass(), gate, STRUCTURES)(empty)
    assert (verdict.accept, verdict.reason) == (False, "empty_prediction")
    assert verdict.rows[["dice_low", "dice_high"]].to_numpy().tolist() == [[0.0, 1.0]] * 3


def test_verdicts_are_recorded_failed_ones_too(
    single: tuple[Predictor, CalibratedGate], tmp_path: Path
) -> None:
    predictor, gate = single
    calls = iter(range(10))

    def fails_second(image: torch.Tensor) -> torch.Tensor:
        if next(calls) == 1:
            raise RuntimeError("no memory")
        return predictor.model(image)

    sometimes = Predictor(fails_second, model_id=predictor.model_id)
    with CaseLog(f"sqlite:///{tmp_path}/log.db") as log:
        judge = JudgedModel(sometimes, SinglePass(), gate, STRUCTURES, log=log)
        verdicts = [judge(case(number)) for number in (1000, 1001, 1002)]
        kept = log.stream_rows()
        assert log.cases_after()["case_id"].tolist() == ["c1000", "c1001", "c1002"]
    assert [verdict.reason == "input_error" for verdict in verdicts] == [False, True, False]
    for verdict in verdicts:
        mine = kept[(kept["case_id"] == verdict.case_id) & (kept["structure"] == "whole_case")]
        assert mine["reason"].tolist() == [verdict.reason]


def test_postprocess_makes_the_judged_mask_where_there_is_no_deployed_one(
    single: tuple[Predictor, CalibratedGate],
) -> None:
    predictor, gate = single

    def nothing_left(mask: np.ndarray) -> np.ndarray:
        return np.zeros_like(mask)

    judge = JudgedModel(predictor, SinglePass(), gate, STRUCTURES, nothing_left)
    verdict = judge(case(1000, mask=None))
    assert verdict.mask is not None
    assert not verdict.mask.any()
    assert (verdict.features["judged"] == "fused").all()
    assert (verdict.features["dice"] < 1.0).any()
    kept = judge(case(1000))
    assert kept.mask is not None
    assert kept.mask.any()
