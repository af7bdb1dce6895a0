"""The loss of a share: how far a predicted share in [0, 1] is from the true one."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn.functional import binary_cross_entropy_with_logits

__all__ = ["share_loss", "weighted_mean_loss"]


def share_loss(logits: Tensor, target: Tensor) -> Tensor:
    """Return the divergence of predicted from true shares, element by element, in nats.

    Parameters
    ----------
    logits : Tensor
        Of the predicted shares.
    target : Tensor, same shape
        In [0, 1].

    Notes
    -----
    Guarantee: >= 0, and 0 only where both agree; its minimum in expectation is the mean.

    Examples
    --------
    >>> share_loss(torch.tensor([0.0, 0.0]), torch.tensor([0.5, 1.0])).tolist()
    [0.0, 0.6931471824645996]
    """
    own = torch.special.entr(target) + torch.special.entr(1.0 - target)
    cross: Tensor = binary_cross_entropy_with_logits(logits, target, reduction="none")
    return cross.sub(own)


def weighted_mean_loss(losses: Tensor, weights: Tensor) -> Tensor:
    """Return the mean of losses by weight; 0 where nothing weighs."""
    return (losses * weights).sum() / weights.sum().clamp_min(1e-8)
