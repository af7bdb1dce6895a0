"""One forward pass of a network over a batch, through an inferer where there is one."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import nullcontext
from typing import Any

import numpy as np
import torch
from torch import Tensor

from segqc_conformal.errors import InputError
from segqc_conformal.sampling.image_tensor import plain_tensor

__all__ = ["forward_pass"]


def forward_pass(
    network: Callable[[Tensor], Any],
    batch: Tensor,
    inferer: Callable[..., Any] | None = None,
    autocast: torch.dtype | None = None,
) -> Tensor:
    """Run a network on a batch.

    Parameters
    ----------
    network : callable
    batch : Tensor, shape ``(images, channels, *spatial)``
        On the network's device.
    inferer : callable, optional
        Called as ``inferer(batch, network)``.
    autocast : torch.dtype, optional
        Run under ``torch.autocast`` in this type.

    Returns
    -------
    Tensor, shape ``(images, classes, *spatial)``

    Raises
    ------
    InputError
        If the output is no tensor or array of that form.

    Notes
    -----
    Guarantee: none.

    Examples
    --------
    >>> forward_pass(lambda batch: batch + 1, torch.zeros(1, 2, 1)).tolist()
    [[[1.0], [1.0]]]
    """
    with nullcontext() if autocast is None else torch.autocast(batch.device.type, autocast):
        raw = network(batch) if inferer is None else inferer(batch, network)
    output = torch.from_numpy(raw) if isinstance(raw, np.ndarray) else raw
    if not isinstance(output, Tensor) or output.ndim < 3 or len(output) != len(batch):
        raise InputError(
            f"a model output of shape ({len(batch)}, classes, *spatial)",
            tuple(output.shape) if isinstance(output, Tensor) else type(raw).__name__,
            "wrap the model so that it returns the final output only, with its batch axis",
        )
    return plain_tensor(output, "model")
