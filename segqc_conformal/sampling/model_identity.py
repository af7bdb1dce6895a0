"""Who a model is: a hash of its weights."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable

import torch
from torch import nn

from segqc_conformal.errors import InputError

__all__ = ["ensemble_identity", "weights_identity"]


def weights_identity(model: nn.Module) -> str:
    """Hash the names, dtypes, shapes and bytes of a model's weights.

    Parameters
    ----------
    model : torch.nn.Module
        On any device.

    Returns
    -------
    str
        ``"sha256:"`` and 16 hex digits; the same on every machine and device.

    Raises
    ------
    InputError
        If the model has no weights, so that nothing tells it from another.

    Notes
    -----
    Guarantee: none; what a model does besides its weights (code, preprocessing) is not hashed.

    Examples
    --------
    >>> layer = nn.Linear(1, 1)
    >>> _ = nn.init.zeros_(layer.weight), nn.init.zeros_(layer.bias)
    >>> weights_identity(layer)
    'sha256:34dda78061822a41'
    """
    state = model.state_dict()
    if not any(isinstance(value, torch.Tensor) for value in state.values()):
        raise InputError(
            "a model with weights, or model_id",
            f"{type(model).__name__} without any weight",
            "give Predictor(model_id=...), and change it with the model",
        )
    digest = hashlib.sha256()
    for name in sorted(state):
        value = state[name]
        if not isinstance(value, torch.Tensor):
            digest.update(f"{name}:{value!r};".encode())
            continue
        digest.update(f"{name}:{value.dtype}:{tuple(value.shape)};".encode())
        flat = value.detach().cpu().contiguous().reshape(-1)
        digest.update(flat.view(torch.uint8).numpy().tobytes())
    return f"sha256:{digest.hexdigest()[:16]}"


def ensemble_identity(member_ids: Iterable[str]) -> str:
    """Hash the ids of an ensemble's members; their order does not matter.

    Examples
    --------
    >>> ensemble_identity(["a", "b"]) == ensemble_identity(["b", "a"])
    True
    """
    text = "\n".join(sorted(member_ids))
    return f"sha256:{hashlib.sha256(text.encode()).hexdigest()[:16]}"
