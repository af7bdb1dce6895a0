import random

import numpy as np
import pytest
import torch
from monai.networks.nets import UNet
from torch import nn

from segqc_conformal.sampling.deep_ensemble import DeepEnsemble
from segqc_conformal.sampling.mc_dropout import MCDropout
from segqc_conformal.sampling.predictor import Predictor
from segqc_conformal.sampling.single_pass import SinglePass
from segqc_conformal.sampling.undisturbed import undisturbed


def small_unet(seed: int, dropout: float = 0.3) -> UNet:
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        return UNet(
            2, 1, 3, channels=(4, 8), strides=(2,), num_res_units=1, dropout=dropout, norm="batch"
        )


def mixed_flags(model: nn.Module) -> nn.Module:
    """Training flags no call of train() or eval() could leave, and gradients to lose."""
    for number, module in enumerate(model.modules()):
        module.training = number % 3 == 0
    for number, parameter in enumerate(model.parameters()):
        parameter.grad = torch.full_like(parameter, float(number))
    return model


def snapshot(model: nn.Module) -> list[object]:
    random_state = [
        random.getstate(),
        np.random.get_state()[1].tobytes(),  # noqa: NPY002
        np.random.get_state()[2],  # noqa: NPY002
        torch.get_rng_state().numpy().tobytes(),
        [s.cpu().numpy().tobytes() for s in torch.cuda.get_rng_state_all()]
        if torch.cuda.is_available()
        else [],
    ]
    flags = [module.training for module in model.modules()]
    weights = [value.cpu().numpy().tobytes() for value in model.state_dict().values()]
    gradients = [(id(p.grad), p.grad.cpu().numpy().tobytes()) for p in model.parameters()]
    return [*random_state, flags, weights, gradients, torch.is_grad_enabled()]


DEVICES = [
    "cpu",
    pytest.param(
        "cuda", marks=pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA GPU here")
    ),
]


@pytest.mark.parametrize("device", DEVICES)
@pytest.mark.parametrize("kind", ["single", "dropout", "ensemble"])
def test_model_and_random_state_are_bit_identical_after_and_between_samples(kind, device):
    model = mixed_flags(small_unet(0).to(device))
    predictor = Predictor(model)
    sampler, first = {
        "single": (SinglePass(), predictor),
        "dropout": (MCDropout(samples=3), predictor),
        "ensemble": (DeepEnsemble([predictor, Predictor(small_unet(1).to(device))]), None),
    }[kind]
    before = snapshot(model)
    for _ in sampler(first, np.ones((1, 8, 8))):
        assert snapshot(model) == before
    assert snapshot(model) == before


def test_model_and_random_state_are_bit_identical_after_an_exception_in_the_model():
    model = mixed_flags(small_unet(0))

    class Broken(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.inner = model

        def forward(self, batch):
            random.random()
            np.random.rand()  # noqa: NPY002
            self.inner(batch)
            raise RuntimeError("out of memory")

    broken = mixed_flags(Broken())
    before = snapshot(broken)
    with pytest.raises(RuntimeError, match="out of memory"):
        list(MCDropout(samples=3)(Predictor(broken), np.ones((1, 8, 8))))
    assert snapshot(broken) == before


def test_an_abandoned_generator_leaves_nothing_behind():
    model = mixed_flags(small_unet(0))
    before = snapshot(model)
    samples = MCDropout(samples=5)(Predictor(model), np.ones((1, 8, 8)))
    next(samples)
    samples.close()
    assert snapshot(model) == before


def test_a_gradient_computed_inside_is_not_left_on_the_model():
    model = nn.Linear(2, 1)
    with undisturbed(model), torch.enable_grad():
        model(torch.ones(1, 2)).sum().backward()
    assert model.weight.grad is None
