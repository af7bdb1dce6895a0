"""Reductions of a map over a region to one number, accumulated in float64."""

from __future__ import annotations

from typing import Literal, NamedTuple

import torch
from torch import Tensor

__all__ = ["Reducer", "quantile", "reduce", "weighted_sum"]

# Sums of weights are rounded: a level that is met exactly must not slip to the next value.
_SLACK = 1e-12


class Reducer(NamedTuple):
    """A way to make one number of many values.

    ``at`` is the level of a "quantile" in [0, 1], or the threshold in units of the map that
    "mean_above" (of the values above it) and "share_above" (of the weight above it) need.
    """

    kind: Literal["mean", "sum", "max", "quantile", "mean_above", "share_above"]
    at: float = 0.0


def reduce(values: Tensor, weights: Tensor | None, reducer: Reducer) -> float:
    """Reduce the values of a map in a region to one number.

    Parameters
    ----------
    values : Tensor, shape ``(voxels,)``, at least one
    weights : Tensor of float64, shape ``(voxels,)``, > 0, or None
        None: ones.
    reducer : Reducer

    Returns
    -------
    float
        "mean_above" is 0 where no value exceeds the threshold.

    Notes
    -----
    Guarantee: none (arithmetic). "max" ignores the weights. "quantile" is the smallest value that
    at least this share of the weight does not exceed: no value is made up between two others.

    Examples
    --------
    >>> values = torch.tensor([0.1, 0.4, 0.7])
    >>> round(reduce(values, None, Reducer("mean_above", 0.3)), 4)
    0.55
    >>> round(reduce(values, torch.tensor([3.0, 1.0, 1.0]), Reducer("quantile", 0.5)), 4)
    0.1
    """
    if reducer.kind == "max":
        return float(values.max())
    if reducer.kind == "quantile":
        return quantile(values, weights, reducer.at)
    if reducer.kind == "sum":
        return weighted_sum(values, weights)
    above = values > reducer.at
    share = _total(values, weights)
    if reducer.kind == "mean":
        return weighted_sum(values, weights) / share
    if reducer.kind == "share_above":
        return weighted_sum(above, weights) / share
    weight_above = weighted_sum(above, weights)
    return weighted_sum(values * above, weights) / weight_above if weight_above else 0.0


def quantile(values: Tensor, weights: Tensor | None, level: float) -> float:
    """Smallest of the values that the share `level` of the weight does not exceed.

    Examples
    --------
    >>> quantile(torch.tensor([3.0, 1.0, 2.0]), None, 0.5)
    2.0
    """
    ordered, order = torch.sort(values)
    if weights is None:
        rank = max(1, -int(-level * len(values) * (1.0 - _SLACK) // 1))
        return float(ordered[rank - 1])
    # Not on the device: there the order of such sums, and so the last bit, is left to chance.
    reached = weights[order].to("cpu", torch.float64).cumsum(0)
    wanted = reached[-1:] * (level * (1.0 - _SLACK))
    return float(ordered[int(torch.searchsorted(reached, wanted))])


def weighted_sum(values: Tensor, weights: Tensor | None = None) -> float:
    """Sum values, each times its weight (None: ones), in float64; 0.0 of no values.

    Examples
    --------
    >>> weighted_sum(torch.tensor([1.0, 2.0]), torch.tensor([1.0, 0.5]))
    2.0
    """
    if weights is None:
        return float(values.sum(dtype=torch.float64))
    return float((values.to(torch.float64) * weights).sum())


def _total(values: Tensor, weights: Tensor | None) -> float:
    return float(values.numel()) if weights is None else float(weights.sum(dtype=torch.float64))
