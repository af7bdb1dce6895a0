"""A calibrated judge of small 2-D cases, as MONAI users have their data."""

from typing import Any

import numpy as np
import torch
from monai.data import MetaTensor
from monai.networks.nets import UNet
from sklearn.compose import make_column_transformer
from sklearn.linear_model import Ridge
from sklearn.pipeline import make_pipeline

from segqc_conformal.case import Case
from segqc_conformal.features.extract import extract_features
from segqc_conformal.judged_model import JudgedModel
from segqc_conformal.quality_gate import QualityGate
from segqc_conformal.sampling.mc_dropout import MCDropout
from segqc_conformal.sampling.predictor import Predictor

STRUCTURES = {"inner": 1, "outer": 2}
AFFINE = np.diag([2.0, 3.0, 1.0, 1.0])


def network() -> UNet:
    """Return a small network with dropout."""
    with torch.random.fork_rng():
        torch.manual_seed(0)
        return UNet(2, 1, 3, channels=(4, 8), strides=(2,), num_res_units=1, dropout=0.3)


def image(number: int) -> np.ndarray[Any, Any]:
    """Return an image ``(1, 8, 8)``."""
    return np.random.default_rng(number).normal(size=(1, 8, 8)).astype(np.float32)


def case(number: int, judged: str) -> Case:
    """Return a case with a reference mask, judged by its "deployed" or "fused" mask."""
    rng = np.random.default_rng([1, number])
    mask = rng.integers(0, 3, (8, 8))
    return Case(
        image(number),
        case_id=f"c{number}",
        patient_id=f"p{number}",
        site="A",
        mask=mask if judged == "deployed" else None,
        reference=mask * rng.integers(0, 2, (8, 8)),
        spacing_mm=(2.0, 3.0),
    )


def judge_of(model: UNet, judged: str) -> JudgedModel:
    """Calibrate a judge on 40 cases."""
    predictor, sampler = Predictor(model), MCDropout(samples=2)
    cases = [case(number, judged) for number in range(40)]
    table = extract_features(cases, predictor, sampler, structures=STRUCTURES, progress=False)
    seen = make_column_transformer(("passthrough", ["feature_predictive_entropy"]))
    gate = QualityGate().calibrate(table, candidates={"ridge": make_pipeline(seen, Ridge())})
    return JudgedModel(predictor, sampler, gate, STRUCTURES)


def data(number: int, **more: Any) -> dict[str, Any]:
    """Return what a MONAI pipeline holds of a case before it was segmented."""
    file = {"filename_or_obj": f"/scans/c{number}.nii.gz"}
    return {"image": MetaTensor(image(number), affine=torch.tensor(AFFINE), meta=file), **more}
