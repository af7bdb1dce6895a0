import warnings
from types import SimpleNamespace

import pytest
import torch
from monai.networks.nets import UNet
from torch import nn
from torch.nn.utils import parametrizations, prune

from segqc_conformal.errors import SamplingError
from segqc_conformal.sampling.droppable_weights import droppable_weights


def scripted() -> nn.Module:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return torch.jit.script(nn.Conv2d(1, 2, 1))


def old_weight_norm(layer: nn.Module) -> nn.Module:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return nn.utils.weight_norm(layer)


def test_every_convolution_and_linear_layer_is_found():
    model = nn.ModuleDict(
        {
            "conv": nn.Conv3d(1, 1, 1),
            "up": nn.ConvTranspose2d(1, 1, 1),
            "linear": nn.Linear(1, 1),
            "norm": nn.BatchNorm2d(1),
            "table": nn.Embedding(1, 1),
        }
    )
    assert set(droppable_weights(model)) == {"conv.weight", "up.weight", "linear.weight"}
    assert list(droppable_weights(nn.Linear(1, 1))) == ["weight"]


def test_they_are_the_parameters_themselves_and_shared_ones_are_named_once():
    model = nn.Sequential(nn.Linear(2, 2), nn.Linear(2, 2))
    model[1].weight = model[0].weight
    weights = droppable_weights(model)
    assert list(weights) == ["0.weight"]
    assert weights["0.weight"] is model[0].weight


def test_a_unet_of_monai_is_covered():
    unet = UNet(3, 1, 2, channels=(4, 8), strides=(2,), num_res_units=1)
    kernels = {name for name, value in unet.named_parameters() if value.ndim == 5}
    assert set(droppable_weights(unet)) == kernels


@pytest.mark.parametrize(
    "layer",
    [
        parametrizations.weight_norm(nn.Conv2d(2, 2, 1)),
        parametrizations.spectral_norm(nn.Linear(2, 2)),
        old_weight_norm(nn.Conv2d(2, 2, 1)),
        prune.l1_unstructured(nn.Conv2d(2, 2, 1), "weight", 0.5),
        nn.LazyLinear(2),
    ],
    ids=["weight norm", "spectral norm", "old weight norm", "pruned", "lazy"],
)
def test_layers_that_compute_their_weight_are_refused_by_name(layer):
    with pytest.raises(SamplingError, match=r"hold their weight themselves; received .* '1' whose"):
        droppable_weights(nn.Sequential(nn.Conv2d(1, 2, 1), layer))


def test_a_sharded_or_quantised_weight_is_refused():
    class Sharded(nn.Parameter):
        pass

    layer = nn.Linear(2, 2)
    layer.weight = Sharded(torch.ones(2, 2))
    with pytest.raises(SamplingError, match="sharded or quantised"):
        droppable_weights(layer)


@pytest.mark.parametrize(
    ("model", "name"),
    [
        (lambda: nn.DataParallel(nn.Conv2d(1, 2, 1)), "DataParallel at the top.*model.module"),
        (lambda: nn.Sequential(nn.Conv2d(1, 1, 1), scripted()), "ScriptModule at 1.*scripted"),
        (lambda: torch.fx.symbolic_trace(nn.Sequential(nn.Conv2d(1, 1, 1))), "GraphModule at the"),
        (
            lambda: torch.compile(nn.Conv2d(1, 1, 1), backend="eager"),
            "OptimizedModule at the top.*torch.compile",
        ),
    ],
    ids=["DataParallel", "TorchScript", "traced", "compiled"],
)
def test_wrappers_that_do_not_see_replaced_weights_are_refused_by_name(model, name):
    with pytest.raises(SamplingError, match=name):
        droppable_weights(model())


def test_a_distributed_model_is_refused_by_name(monkeypatch):
    monkeypatch.setattr(nn.parallel.DistributedDataParallel, "__init__", nn.Module.__init__)
    model = nn.parallel.DistributedDataParallel()
    model.module = nn.Conv2d(1, 1, 1)
    with pytest.raises(SamplingError, match="DistributedDataParallel at the top"):
        droppable_weights(model)


@pytest.mark.parametrize("model", [abs, nn.Sequential(nn.ReLU()), SimpleNamespace()])
def test_models_without_such_layers_are_refused(model):
    with pytest.raises(SamplingError, match=r"convolution or linear layers; received .* with none"):
        droppable_weights(model)
