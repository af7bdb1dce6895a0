"""Which weights of a model can be replaced for one pass without writing to the model."""

from __future__ import annotations

from torch import Tensor, nn
from torch.nn.modules.conv import _ConvNd

from segqc_conformal.errors import SamplingError

__all__ = ["droppable_weights"]

# Their forward pass does not see parameters that are replaced from outside, or not all of them.
_CLOSED = {
    "DataParallel": "pass the model inside: model.module",
    "DistributedDataParallel": "pass the model inside: model.module",
    "FullyShardedDataParallel": "load the whole weights into the unwrapped model",
    "GraphModule": "pass the model it was exported or traced from",
    "OptimizedModule": "pass the model as it was before torch.compile",
    "ScriptModule": "pass the model it was scripted or traced from",
}


def droppable_weights(model: object) -> dict[str, Tensor]:
    """Return the weights of all convolution and linear layers by their names.

    Parameters
    ----------
    model : torch.nn.Module
        Weights that several layers share are named once.

    Raises
    ------
    SamplingError
        If there is no such layer; if the model is or holds a parallel wrapper, a compiled,
        scripted or exported part; or if a layer's weight is computed from others
        (parametrizations, weight or spectral norm, pruning), sharded or quantised.

    Notes
    -----
    Guarantee: none.

    Examples
    --------
    >>> list(droppable_weights(nn.Sequential(nn.Conv2d(1, 2, 3), nn.ReLU(), nn.Linear(2, 2))))
    ['0.weight', '2.weight']
    """
    if not isinstance(model, nn.Module):
        raise _no_layers(model)
    weights: dict[str, Tensor] = {}
    for name, module in model.named_modules():
        _check_open(name, module)
        if isinstance(module, _ConvNd | nn.Linear):
            weight = _own_weight(name, module)
            if not any(weight is other for other in weights.values()):
                weights[f"{name}.weight" if name else "weight"] = weight
    if not weights:
        raise _no_layers(model)
    return weights


def _check_open(name: str, module: nn.Module) -> None:
    for kind in type(module).__mro__:
        if kind.__name__ in _CLOSED:
            raise SamplingError(
                "a model whose weights can be replaced for one pass",
                f"{kind.__name__} at {name or 'the top'}",
                _CLOSED[kind.__name__],
            )


def _own_weight(name: str, layer: nn.Module) -> Tensor:
    weight = layer._parameters.get("weight")
    # Weights computed from others are no parameters; sharded and quantised ones are no plain ones.
    if weight is None or type(weight) is not nn.Parameter:
        raise SamplingError(
            "layers that hold their weight themselves",
            f"{type(layer).__name__} {name!r} whose weight is computed, sharded or quantised",
            "remove parametrizations, weight norm, spectral norm or pruning from a copy "
            "(torch.nn.utils.parametrize.remove_parametrizations), or use another sampler",
        )
    return weight


def _no_layers(model: object) -> SamplingError:
    return SamplingError(
        "a torch.nn.Module with convolution or linear layers",
        f"{type(model).__name__} with none",
        "use DeepEnsemble, TestTimeAugmentation or SinglePass; of plain callables, exported "
        "programs and ONNX the weights cannot be dropped",
    )
