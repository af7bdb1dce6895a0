"""What every sampler promises: the model and the caller's random state are left as found."""

import random
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pytest
import torch
from monai.networks.nets import UNet
from torch import nn

from segqc_conformal.sampling.augmentations import Affine, Flip, Noise
from segqc_conformal.sampling.deep_ensemble import DeepEnsemble
from segqc_conformal.sampling.drop_weights import DropWeights
from segqc_conformal.sampling.evidential import Evidential
from segqc_conformal.sampling.mc_dropout import MCDropout
from segqc_conformal.sampling.predictor import Predictor
from segqc_conformal.sampling.sampler import Sampler
from segqc_conformal.sampling.single_pass import SinglePass
from segqc_conformal.sampling.stored_samples import StoredSamples
from segqc_conformal.sampling.tta import TestTimeAugmentation

IMAGE = np.random.default_rng(0).normal(size=(1, 8, 8)).astype(np.float32)
AUGMENTATIONS = (Flip((0,)), Affine(), Noise())

# How a sampler is made of a folder and two predictors, and in how many forward passes it runs.
SAMPLERS: dict[str, tuple[Callable[[Path, list[Predictor]], Sampler], int]] = {
    "SinglePass": (lambda folder, members: SinglePass(), 1),
    "MCDropout": (lambda folder, members: MCDropout(samples=4), 4),
    "MCDropout in batches": (lambda folder, members: MCDropout(samples=4, batch=2), 2),
    "DropWeights": (lambda folder, members: DropWeights(samples=4), 4),
    "DeepEnsemble": (lambda folder, members: DeepEnsemble(members), 2),
    "TestTimeAugmentation": (lambda folder, members: TestTimeAugmentation(AUGMENTATIONS), 4),
    "TestTimeAugmentation of MCDropout": (
        lambda folder, members: TestTimeAugmentation(AUGMENTATIONS, MCDropout(samples=2)),
        8,
    ),
    "TestTimeAugmentation of DropWeights": (
        lambda folder, members: TestTimeAugmentation(AUGMENTATIONS, DropWeights(samples=3)),
        12,
    ),
    "TestTimeAugmentation of DeepEnsemble": (
        lambda folder, members: TestTimeAugmentation(AUGMENTATIONS, DeepEnsemble(members)),
        8,
    ),
    "Evidential": (lambda folder, members: Evidential(), 1),
    "StoredSamples": (lambda folder, members: stored(folder), 0),
}
DEVICES = [
    "cpu",
    pytest.param(
        "cuda", marks=pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA GPU here")
    ),
]


class Restless(nn.Module):
    """Draws random numbers, writes to its buffers, and may fail in one of its passes."""

    def __init__(self, seed: int, passes: list[int], fails: tuple[int, BaseException]) -> None:
        super().__init__()
        with torch.random.fork_rng():
            torch.manual_seed(seed)
            self.unet = UNet(
                2, 1, 3, channels=(4, 8), strides=(2,), num_res_units=1, dropout=0.3, norm="batch"
            )
        self.passes, self.fails = passes, fails
        self.register_buffer("replaced", torch.zeros(1))
        self.register_buffer("written", torch.full((2,), torch.nan))

    def forward(self, batch):
        random.random()
        np.random.rand()  # noqa: NPY002
        torch.rand(3, device=batch.device)
        self.replaced = self.replaced + 1
        self.written.add_(1).nan_to_num_()
        self.passes[0] += 1
        if self.passes[0] == self.fails[0]:
            raise self.fails[1]
        return self.unet(batch)


class Setting(NamedTuple):
    sampler: Sampler
    predictor: Predictor | None
    models: list[nn.Module]
    passes: list[int]

    def samples(self) -> Iterator[torch.Tensor]:
        return self.sampler(self.predictor, IMAGE, case_id="c17")


def stored(folder: Path) -> StoredSamples:
    np.save(folder / "c17.npy", np.full((3, 2, 8, 8), 0.5, np.float32))
    return StoredSamples({"c17": folder / "c17.npy"}, model_id="m")


def setting(
    name: str, device: str, folder: Path, fails: tuple[int, BaseException] = (0, Exception())
) -> Setting:
    passes = [0]
    models = [with_mixed_flags(Restless(seed, passes, fails).to(device)) for seed in (0, 1)]
    activation = "softplus" if name == "Evidential" else "softmax"
    members = [Predictor(model, activation) for model in models]
    sampler = SAMPLERS[name][0](folder, members)
    alone = "DeepEnsemble" in name or name == "StoredSamples"
    return Setting(sampler, None if alone else members[0], models, passes)


def with_mixed_flags(model: nn.Module) -> nn.Module:
    """Set flags no call of train() or eval() could leave, gradients to lose, and hooks."""
    for number, module in enumerate(model.modules()):
        module.training = number % 3 == 0
        module.register_forward_hook(lambda *_: None)
    for number, parameter in enumerate(model.parameters()):
        parameter.grad = torch.full_like(parameter, float(number))
        parameter.requires_grad_(number % 2 == 0)
    return model


def found(models: list[nn.Module]) -> list[object]:
    """Everything a caller could find changed, as bytes and identities."""
    numpy_state = np.random.get_state()  # noqa: NPY002
    cuda_states = torch.cuda.get_rng_state_all() if torch.cuda.is_available() else []
    world = [
        random.getstate(),
        (numpy_state[1].tobytes(), numpy_state[2:]),
        torch.get_rng_state().numpy().tobytes(),
        [state.cpu().numpy().tobytes() for state in cuda_states],
        (torch.is_grad_enabled(), torch.is_autocast_enabled("cpu")),
    ]
    modules = [module for model in models for module in model.modules()]
    tensors = [t for m in models for t in [*m.parameters(), *m.buffers()]]
    return [
        *world,
        [m.training for m in modules],
        [[id(hook) for hook in m._forward_hooks.values()] for m in modules],
        [[len(m._forward_pre_hooks), len(m._backward_hooks)] for m in modules],
        [list(m.__dict__) + list(m._parameters) + list(m._buffers) for m in modules],
        [list(model.state_dict()) for model in models],
        [(id(t), t.requires_grad, t.detach().cpu().numpy().tobytes()) for t in tensors],
        [(id(t.grad), t.grad.cpu().numpy().tobytes()) for t in tensors if t.grad is not None],
    ]


@pytest.mark.parametrize("device", DEVICES)
@pytest.mark.parametrize("name", SAMPLERS)
def test_everything_is_as_found_after_and_between_samples(name, device, tmp_path):
    given = setting(name, device, tmp_path)
    before = found(given.models)
    for _ in given.samples():
        assert found(given.models) == before
    assert found(given.models) == before
    assert given.passes == [SAMPLERS[name][1]]


@pytest.mark.parametrize("device", DEVICES)
@pytest.mark.parametrize("name", SAMPLERS)
def test_everything_is_as_found_when_the_caller_stops_half_way(name, device, tmp_path):
    given = setting(name, device, tmp_path)
    before = found(given.models)
    samples = given.samples()
    next(samples)
    samples.close()
    assert found(given.models) == before


@pytest.mark.parametrize("device", DEVICES)
@pytest.mark.parametrize("error", [RuntimeError("out of memory"), KeyboardInterrupt()], ids=repr)
@pytest.mark.parametrize("name", sorted(set(SAMPLERS) - {"StoredSamples"}))
def test_everything_is_as_found_when_the_second_pass_fails(name, error, device, tmp_path):
    last = min(2, SAMPLERS[name][1])
    given = setting(name, device, tmp_path, fails=(last, error))
    before = found(given.models)
    with pytest.raises(type(error)):
        list(given.samples())
    assert given.passes == [last]
    assert found(given.models) == before


def test_everything_is_as_found_when_a_file_of_samples_is_damaged(tmp_path):
    given = setting("StoredSamples", "cpu", tmp_path)
    (tmp_path / "c17.npy").write_bytes(b"\x07" * 900)
    before = found(given.models)
    with pytest.raises(Exception, match="case c17"):
        list(given.samples())
    assert found(given.models) == before


@pytest.mark.parametrize("device", DEVICES)
@pytest.mark.parametrize("name", SAMPLERS)
def test_the_same_seed_gives_the_same_samples_bit_for_bit(name, device, tmp_path):
    given = setting(name, device, tmp_path)
    first = list(given.samples())
    for draw in (random.random, np.random.rand, lambda: torch.rand(5)):
        draw()
    second = list(given.samples())
    assert all(torch.equal(a, b) for a, b in zip(first, second, strict=True))


@pytest.mark.parametrize("name", SAMPLERS)
def test_identity_and_channels_are_named_before_the_first_sample(name, tmp_path):
    given = setting(name, "cpu", tmp_path)
    assert given.sampler.sampler_id.startswith(name.split()[0])
    assert given.sampler.model_id(given.predictor)
    expected = "evidence" if name == "Evidential" else "exclusive"
    assert given.sampler.channels(given.predictor) == expected
    assert given.passes == [0]
