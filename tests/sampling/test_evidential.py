import numpy as np
import pytest
import torch
from torch import nn

from segqc_conformal.errors import SamplingError
from segqc_conformal.sampling.evidential import Evidential
from segqc_conformal.sampling.predictor import Predictor

IMAGE = np.random.default_rng(0).normal(size=(1, 4, 4)).astype(np.float32)


@pytest.mark.parametrize("activation", ["softplus", "exp", "relu"])
def test_one_pass_gives_the_evidence_of_the_function_named(activation):
    torch.manual_seed(0)
    model = nn.Conv2d(1, 3, 3, padding=1)
    predictor = Predictor(model, activation)
    (sample,) = Evidential()(predictor, IMAGE)
    function = {
        "softplus": lambda z: torch.log1p(torch.exp(z)),
        "exp": torch.exp,
        "relu": lambda z: z.clamp_min(0.0),
    }[activation]
    with torch.no_grad():
        torch.testing.assert_close(sample, function(model(torch.from_numpy(IMAGE)[None])[0]))
    assert Evidential().channels(predictor) == "evidence"
    assert Evidential().model_id(predictor) == predictor.model_id


def test_the_model_runs_in_evaluation_mode():
    model = nn.Sequential(nn.Conv2d(1, 2, 1), nn.Dropout(0.9)).train()
    (one,), (other,) = (list(Evidential()(Predictor(model, "exp"), IMAGE)) for _ in range(2))
    assert torch.equal(one, other)
    assert model.training


@pytest.mark.parametrize("activation", ["softmax", "sigmoid", "none"])
def test_a_model_without_evidence_is_refused(activation):
    predictor = Predictor(nn.Conv2d(1, 2, 1), activation)
    with pytest.raises(SamplingError, match=r"gives evidence; .*use SinglePass.*'softplus'"):
        Evidential().model_id(predictor)
    with pytest.raises(SamplingError, match="gives evidence"):
        next(Evidential()(predictor, IMAGE))


def test_missing_predictor_is_refused():
    with pytest.raises(SamplingError, match="a Predictor for Evidential"):
        Evidential().model_id(None)
