"""What turns a network's output into probabilities; the caller names it, nothing is guessed."""

from __future__ import annotations

from typing import Literal, get_args

import torch
from torch import Tensor

from segqc_conformal.errors import InputError

__all__ = ["EVIDENCE", "Activation", "check_activation", "to_evidence", "to_probabilities"]

Activation = Literal["softmax", "sigmoid", "none", "evidence", "softplus", "exp", "relu"]

# The output is evidence, or becomes evidence by the function of this name.
EVIDENCE = frozenset({"evidence", "softplus", "exp", "relu"})


def check_activation(activation: str) -> Activation:
    """Return `activation` if it is one of the known names.

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
        Logits ("softmax", "sigmoid"), probabilities ("none") or what `to_evidence` takes.
    activation : Activation

    Returns
    -------
    Tensor of float32, shape ``(classes, *spatial)``
        For evidence ``e`` the mean ``(e + 1) / sum(e + 1)`` of its Dirichlet distribution.

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
    if activation == "softmax":
        _check_several(values, activation)
        return torch.softmax(values, dim=0)
    parameters = to_evidence(values, activation) + 1.0
    return parameters / parameters.sum(dim=0, keepdim=True)


def to_evidence(output: Tensor, activation: Activation) -> Tensor:
    """Turn one network output into evidence for exclusive classes.

    Parameters
    ----------
    output : Tensor, shape ``(classes, *spatial)``
        Evidence >= 0 ("evidence"), or what the function of that name makes evidence of.
    activation : {"evidence", "softplus", "exp", "relu"}

    Returns
    -------
    Tensor of float32, shape ``(classes, *spatial)``
        Not negative; the parameters of a Dirichlet distribution less 1.

    Raises
    ------
    InputError
        If there is one channel only, or "evidence" is negative.

    Notes
    -----
    Guarantee: none. Source: Sensoy et al., NeurIPS 2018 (relu, exp); Zou et al. 2025 (softplus).

    Examples
    --------
    >>> to_evidence(torch.tensor([[-1.0], [2.0]]), "relu").tolist()
    [[0.0], [2.0]]
    """
    values = output.float()
    _check_several(values, activation)
    if activation == "softplus":
        return torch.nn.functional.softplus(values)
    if activation == "exp":
        return torch.exp(values)
    if activation == "relu":
        return torch.relu(values)
    if bool((values < 0).any()):
        raise InputError(
            "non-negative evidence",
            f"a smallest value of {values.min().item():.6g}",
            "name the model's evidence function: activation='softplus', 'exp' or 'relu'",
        )
    return values


def _check_several(values: Tensor, activation: str) -> None:
    if values.shape[0] < 2:
        raise InputError(
            f"at least two channels for activation {activation!r}",
            f"an output of shape {tuple(values.shape)}",
            "use activation='sigmoid' for a binary model with one channel",
        )
