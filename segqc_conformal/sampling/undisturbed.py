"""Run a model and leave it, and the caller's random state, as they were found."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import Tensor, nn

from segqc_conformal.sampling.random_state import kept_random_state

__all__ = ["undisturbed"]


@contextmanager
def undisturbed(model: object) -> Iterator[None]:
    """Put a model into evaluation mode and restore everything on leaving.

    Parameters
    ----------
    model : torch.nn.Module or callable
        Of a plain callable only the random state is kept.

    Notes
    -----
    Guarantee: afterwards the training flag of every module, the buffers, the gradients and the
    random state of python, numpy and torch are bit-identical to what they were, also when an
    exception passes. Inside, cuDNN takes only algorithms that repeat their results. Flags are
    assigned, not set by ``train()``: exported programs refuse that call, and models that override
    it would do more than switch.

    Examples
    --------
    >>> model = nn.Sequential(nn.Dropout(0.5)).train()
    >>> with undisturbed(model):
    ...     print(model(torch.ones(2)).tolist(), model[0].training)
    [1.0, 1.0] False
    >>> model[0].training
    True
    """
    modules = list(model.modules()) if isinstance(model, nn.Module) else []
    parameters = list(model.parameters()) if isinstance(model, nn.Module) else []
    # A frozen TorchScript module has no flag: it is fixed in evaluation mode.
    flags = [(module, module.training) for module in modules if hasattr(module, "training")]
    gradients = [parameter.grad for parameter in parameters]
    with kept_random_state(), _repeatable(), torch.no_grad():
        buffers = [_KeptBuffer(module, name) for module in modules for name in _names(module)]
        try:
            for module, _ in flags:
                module.training = False
            yield
        finally:
            for module, flag in flags:
                module.training = flag
            for parameter, gradient in zip(parameters, gradients, strict=True):
                if parameter.grad is not gradient:
                    parameter.grad = gradient
            for buffer in buffers:
                buffer.restore()


@contextmanager
def _repeatable() -> Iterator[None]:
    # The fastest algorithm of a GPU may add in another order each time, or be another one.
    cudnn = torch.backends.cudnn
    deterministic, benchmark = cudnn.deterministic, cudnn.benchmark
    try:
        cudnn.deterministic, cudnn.benchmark = True, False
        yield
    finally:
        cudnn.deterministic, cudnn.benchmark = deterministic, benchmark


def _names(module: nn.Module) -> list[str]:
    return [name for name, _ in module.named_buffers(recurse=False)]


class _KeptBuffer:
    """One buffer of a module: the tensor and its values."""

    def __init__(self, module: nn.Module, name: str) -> None:
        self.module, self.name = module, name
        self.tensor: Tensor = getattr(module, name)
        self.values = self.tensor.clone()

    def restore(self) -> None:
        """Put the tensor back where the model replaced it, and its values where it wrote."""
        if getattr(self.module, self.name, None) is not self.tensor:
            setattr(self.module, self.name, self.tensor)
        if not torch.equal(self.tensor, self.values):
            self.tensor.copy_(self.values)
