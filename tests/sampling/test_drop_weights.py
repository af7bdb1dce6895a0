import numpy as np
import pytest
import torch
from monai.inferers import SlidingWindowInferer
from monai.networks.nets import UNet
from torch import nn

from segqc_conformal.errors import SamplingError
from segqc_conformal.sampling.drop_weights import DropWeights
from segqc_conformal.sampling.predictor import Predictor

IMAGE = np.random.default_rng(0).normal(size=(1, 8, 8)).astype(np.float32)


def unet() -> UNet:
    torch.manual_seed(0)
    return UNet(2, 1, 3, channels=(4, 8), strides=(2,), num_res_units=1, norm="batch")


class WeightsSeen(nn.Module):
    """Keeps the weight each pass really runs with."""

    def __init__(self, size: int = 100) -> None:
        super().__init__()
        self.layer = nn.Conv1d(1, size, size)
        self.seen: list[torch.Tensor] = []

    def forward(self, batch):
        self.seen.append(self.layer.weight.detach().clone())
        return batch + self.layer.weight.sum() * torch.tensor([1.0, -1.0])[:, None]


def test_each_rate_drops_its_share_of_weights_and_scales_the_others_up():
    model = WeightsSeen()
    before = model.layer.weight.detach().clone()
    list(DropWeights(rates=(0.1, 0.5), samples=4)(Predictor(model), np.zeros((2, 1))))
    for seen, rate in zip(model.seen, (0.1, 0.5, 0.1, 0.5), strict=True):
        gone = seen == 0.0
        deviation = (rate * (1 - rate) / before.numel()) ** 0.5
        assert abs(gone.float().mean().item() - rate) < 5 * deviation
        torch.testing.assert_close(seen[~gone], before[~gone] / (1.0 - rate))
    assert torch.equal(model.layer.weight, before)


def test_weights_of_samples_are_dropped_independently():
    model = WeightsSeen()
    list(DropWeights(rates=(0.5,), samples=3)(Predictor(model), np.zeros((2, 1))))
    first, second, third = (seen == 0.0 for seen in model.seen)
    for one, other in ((first, second), (first, third), (second, third)):
        assert abs((one & other).float().mean().item() - 0.25) < 0.03


def test_layers_of_equal_shape_are_dropped_independently():
    layers = [nn.Linear(100, 100, bias=False) for _ in range(2)]
    seen = []

    def forward(_module, _inputs, _output):
        seen.append([layer.weight == 0.0 for layer in layers])

    model = nn.Sequential(*layers)
    model.register_forward_hook(forward)
    image = np.random.default_rng(0).normal(size=(2, 100))
    list(DropWeights(rates=(0.5,), samples=2)(Predictor(model), image))
    assert abs((seen[0][0] & seen[0][1]).float().mean().item() - 0.25) < 0.03


def test_samples_repeat_bit_for_bit_and_more_begin_alike():
    predictor = Predictor(unet())
    four = list(DropWeights(samples=4)(predictor, IMAGE))
    torch.rand(17)
    six = list(DropWeights(samples=6)(predictor, IMAGE))
    other = next(DropWeights(samples=4, seed=1)(predictor, IMAGE))
    assert all(torch.equal(a, b) for a, b in zip(four, six[:4], strict=True))
    assert not torch.equal(four[0], six[3])
    assert not torch.equal(four[0], other)


def test_the_mean_weight_is_the_models_own():
    model = WeightsSeen(size=10)
    before = model.layer.weight.detach().clone()
    list(DropWeights(rates=(0.3,), samples=2000)(Predictor(model), np.zeros((2, 1))))
    mean = torch.stack(model.seen).mean(0)
    error = before.abs() * (0.3 / 0.7 / 2000) ** 0.5
    assert ((mean - before).abs() / error.clamp_min(1e-6)).max() < 5.0


def test_a_weight_that_two_layers_share_is_dropped_once_for_both():
    class Tied(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.one, self.other = nn.Linear(9, 9), nn.Linear(9, 9)
            self.other.weight = self.one.weight
            self.seen: list[bool] = []

        def forward(self, batch):
            dropped = bool((self.one.weight == 0).any())
            self.seen.append(dropped and torch.equal(self.one.weight, self.other.weight))
            return self.other(self.one(batch))

    model = Tied()
    # two channels that differ: softmax over equal ones is the same in every sample
    image = np.arange(18.0).reshape(2, 9)
    list(DropWeights(rates=(0.5,), samples=2)(Predictor(model), image))
    assert model.seen == [True, True]


def test_the_inferer_runs_the_dropped_weights_in_every_window():
    inferer = SlidingWindowInferer(roi_size=(4, 4), sw_batch_size=3)
    one, other = list(DropWeights(samples=3)(Predictor(unet(), inferer=inferer), IMAGE))[:2]
    assert not torch.equal(one, other)


def test_half_precision_weights_are_dropped_in_their_own_type():
    predictor = Predictor(unet().to(torch.bfloat16))
    assert len(list(DropWeights(samples=3)(predictor, IMAGE))) == 3


def test_identical_samples_are_refused_naming_the_case():
    class Unused(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.layer = nn.Linear(2, 2)

        def forward(self, batch):
            return batch.repeat(1, 2, 1, 1)

    with pytest.raises(SamplingError, match=r"case c17: expected samples that differ.*3 identical"):
        list(DropWeights(samples=3)(Predictor(Unused()), IMAGE, case_id="c17"))


@pytest.mark.parametrize("rates", [(), (0.0,), (0.1, 1.0), (float("nan"),), (-0.1,)])
def test_rates_outside_zero_to_one_are_refused(rates):
    with pytest.raises(SamplingError, match=r"rates in \(0, 1\)"):
        DropWeights(rates=rates)


def test_fewer_samples_than_rates_are_refused():
    with pytest.raises(SamplingError, match="at least 3 samples; received 2"):
        DropWeights(rates=(0.1, 0.2, 0.3), samples=2)
    with pytest.raises(SamplingError, match="at least 2 samples; received 1"):
        DropWeights(rates=(0.1,), samples=1)


def test_a_model_whose_weights_cannot_be_dropped_is_refused():
    with pytest.raises(SamplingError, match="convolution or linear layers"):
        next(DropWeights()(Predictor(abs, model_id="x"), IMAGE))
    with pytest.raises(SamplingError, match="a Predictor for DropWeights"):
        DropWeights().model_id(None)


def test_channels_are_those_of_the_predictor():
    assert DropWeights().channels(Predictor(unet(), "sigmoid")) == "overlapping"
