"""Reductions of a map over a region to one number, accumulated in float64.

Weights are those of the voxels; None: ones. There is at least one value, sums aside.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

__all__ = ["mean_above", "quantiles", "share_above", "weighted_mean", "weighted_sum"]

# Sums of weights are rounded: a level that is met exactly must not slip to the next value.
_SLACK = 1e-12


def weighted_sum(values: Tensor, weights: Tensor | None = None) -> float:
    """Sum values, each times its weight; 0.0 of no values.

    Examples
    --------
    >>> weighted_sum(torch.tensor([1.0, 2.0]), torch.tensor([1.0, 0.5]))
    2.0
    """
    if weights is not None:
        return float((values.to(torch.float64) * weights).sum())
    if values.dtype == torch.bool:
        return float(torch.count_nonzero(values))
    return float(values.sum(dtype=torch.float64))


def weighted_mean(values: Tensor, weights: Tensor | None = None) -> float:
    """Average values.

    Examples
    --------
    >>> weighted_mean(torch.tensor([1.0, 2.0]), torch.tensor([3.0, 1.0]))
    1.25
    """
    return weighted_sum(values, weights) / _total(values, weights)


def mean_above(values: Tensor, weights: Tensor | None, threshold: float) -> float:
    """Average the values above a threshold; 0 where there are none.

    Examples
    --------
    >>> mean_above(torch.tensor([0.25, 0.5, 1.0]), None, 0.3)
    0.75
    """
    above = values > threshold
    weight_above = weighted_sum(above, weights)
    return weighted_sum(values * above, weights) / weight_above if weight_above else 0.0


def share_above(values: Tensor, weights: Tensor | None, threshold: float) -> float:
    """Share of the weight that lies above a threshold, in [0, 1].

    Examples
    --------
    >>> share_above(torch.tensor([0.25, 1.0]), torch.tensor([3.0, 1.0]), 0.3)
    0.25
    """
    return weighted_mean(values > threshold, weights)


def quantiles(values: Tensor, weights: Tensor | None, levels: Sequence[float]) -> list[float]:
    """Quantiles as the inverse of the distribution function: the one rule of this package.

    Parameters
    ----------
    values : Tensor, shape ``(voxels,)``, at least one
    weights : Tensor, shape ``(voxels,)``, > 0, or None
    levels : sequence of float
        In [0, 1].

    Returns
    -------
    list of float
        Of each level the smallest value that at least this share of the weight does not exceed: no
        value is made up between two others.

    Notes
    -----
    Guarantee: none (arithmetic).

    Examples
    --------
    >>> quantiles(torch.tensor([3.0, 1.0, 2.0, 4.0]), None, (0.5, 0.9))
    [2.0, 4.0]
    """
    ordered, order = torch.sort(values)
    if weights is None:
        ranks = [max(1, -int(-level * len(values) * (1.0 - _SLACK) // 1)) for level in levels]
        return [float(ordered[rank - 1]) for rank in ranks]
    # Not on the device: there the order of such sums, and so the last bit, is left to chance.
    reached = weights[order].to("cpu", torch.float64).cumsum(0)
    wanted = reached[-1] * (torch.tensor(levels, dtype=torch.float64) * (1.0 - _SLACK))
    return [float(ordered[place]) for place in torch.searchsorted(reached, wanted).tolist()]


def _total(values: Tensor, weights: Tensor | None) -> float:
    return float(values.numel()) if weights is None else float(weights.sum(dtype=torch.float64))
