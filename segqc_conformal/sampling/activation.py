"""What turns a network's output into probabilities; the caller names it, nothing is guessed."""

from __future__ import annotations

from typing import Literal, get_args

import torch
from torch import Tensor

from segqc_conformal.errors import InputError

__all__ = ["Activation", "check_activation", "to_probabilities"]

Activation = Literal["softmax", "sigmoid", "none", "evidence"]


def check_activation(activation: str) -> Activation:
    """Return `activation` if it is one of the four known names.

    Raises
    ------
    InputError
        For any other name.

    Examples
    --------
    >>> check_activation("softmax")
    'softmax'
    """
    for known in get_args(Activation):
        if activation == known:
            return known  # type: ignore[no-any-return]
    raise InputError(
        f"activation as one of {', '.join(get_args(Activation))}",
        repr(activation),
        "say what the model returns: logits of exclusive classes are 'softmax'",
    )


def to_probabilities(output: Tensor, activation: Activation) -> Tensor:
    """Turn one network output into probabilities.

    Parameters
    ----------
    output : Tensor, shape ``(classes, *spatial)``
        Logits ("softmax", "sigmoid"), probabilities ("none") or evidence >= 0 ("evidence").
    activation : {"softmax", "sigmoid", "none", "evidence"}

    Returns
    -------
    Tensor of float32, shape ``(classes, *spatial)``
        For "evidence" ``e`` the mean ``(e + 1) / sum(e + 1)`` of its Dirichlet distribution.

    Raises
    ------
    InputError
        If one channel is given where several are compared, or evidence is negative.

    Notes
    -----
    Guarantee: none. Source: Sensoy et al., NeurIPS 2018 (evidence).

    Examples
    --------
    >>> to_probabilities(torch.tensor([[0.0], [2.0]]), "evidence").tolist()
    [[0.25], [0.75]]
    """
    values = output.float()
    if activation == "none":
        return values
    if activation == "sigmoid":
        return torch.sigmoid(values)
    if values.shape[0] < 2:
        raise InputError(
            f"at least two channels for activation {activation!r}",
            f"an output of shape {tuple(values.shape)}",
            "use activation='sigmoid' for a binary model with one channel",
        )
    if activation == "softmax":
        return torch.softmax(values, dim=0)
    if bool((values < 0).any()):
        raise InputError(
            "non-negative evidence",
            f"a smallest value of {values.min().item():.6g}",
            "apply the model's evidence function (softplus, exp or relu) inside the model",
        )
    return (values + 1.0) / (values + 1.0).sum(dim=0, keepdim=True)
