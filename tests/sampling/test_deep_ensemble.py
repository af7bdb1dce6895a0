import numpy as np
import pytest
import torch
from torch import nn

from segqc_conformal.errors import SamplingError
from segqc_conformal.sampling.deep_ensemble import DeepEnsemble
from segqc_conformal.sampling.predictor import Predictor

IMAGE = np.ones((1, 4, 4), np.float32)


def member(seed: int) -> Predictor:
    torch.manual_seed(seed)
    return Predictor(nn.Conv2d(1, 2, 1))


def test_samples_are_the_members_own_predictions_in_order():
    members = [member(seed) for seed in range(3)]
    samples = list(DeepEnsemble(members)(None, IMAGE))
    assert all(torch.equal(s, m(IMAGE)) for s, m in zip(samples, members, strict=True))


def test_identity_is_that_of_the_members_whatever_their_order():
    a, b, c = member(0), member(1), member(2)
    assert DeepEnsemble([a, b]).model_id(None) == DeepEnsemble([b, a]).model_id(None)
    assert DeepEnsemble([a, b]).model_id(None) != DeepEnsemble([a, c]).model_id(None)
    assert DeepEnsemble([a, b]).sampler_id == "DeepEnsemble(members=2)"


def test_one_member_is_refused():
    with pytest.raises(SamplingError, match="at least two Predictors"):
        DeepEnsemble([member(0)])


def test_the_same_weights_twice_are_refused():
    with pytest.raises(SamplingError, match="members of different model_id"):
        DeepEnsemble([member(0), member(0)])


def test_a_predictor_beside_the_members_is_refused():
    with pytest.raises(SamplingError, match="predictor=None for DeepEnsemble"):
        next(DeepEnsemble([member(0), member(1)])(member(2), IMAGE))


def test_members_whose_channels_mean_different_things_are_refused():
    binary = Predictor(nn.Conv2d(1, 1, 1), activation="sigmoid")
    with pytest.raises(SamplingError, match=r"mean the same; received \['exclusive', 'o"):
        DeepEnsemble([member(0), binary])


def test_channels_are_those_of_the_members():
    assert DeepEnsemble([member(0), member(1)]).channels(None) == "exclusive"
    regions = [Predictor(nn.Conv2d(1, 2, 1), "sigmoid", model_id=name) for name in "ab"]
    assert DeepEnsemble(regions).channels(None) == "overlapping"


@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA GPU here")
def test_members_may_sit_on_different_devices():
    members = [Predictor(nn.Conv2d(1, 2, 1).to(device)) for device in ("cpu", "cuda")]
    devices = [sample.device.type for sample in DeepEnsemble(members)(None, IMAGE)]
    assert devices == ["cpu", "cuda"]
