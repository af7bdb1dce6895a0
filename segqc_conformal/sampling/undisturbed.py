"""Run a model and leave it, and the caller's random state, as they were found."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import nn

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
    Guarantee: afterwards the training flag of every module, the gradients and the random state of
    python, numpy and torch are bit-identical to what they were, also when an exception passes.
    Flags are assigned, not set by ``train()``: exported programs refuse that call, and models that
    override it would do more than switch.

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
    flags = [module.training for module in modules]
    gradients = [parameter.grad for parameter in parameters]
    with kept_random_state(), torch.no_grad():
        try:
            for module in modules:
                module.training = False
            yield
        finally:
            for module, flag in zip(modules, flags, strict=True):
                module.training = flag
            for parameter, gradient in zip(parameters, gradients, strict=True):
                if parameter.grad is not gradient:
                    parameter.grad = gradient
