"""Uncertainty maps: pure functions of the buffers, and what each of them needs."""

from __future__ import annotations

from collections.abc import Callable
from math import log
from typing import Literal, NamedTuple

import torch
from torch import Tensor

from segqc_conformal.uncertainty import one_vs_rest
from segqc_conformal.uncertainty.buffers import Buffers
from segqc_conformal.uncertainty.entropy import entropy, mutual_information
from segqc_conformal.uncertainty.label_votes import votes
from segqc_conformal.uncertainty.spread_maps import sample_variances, spread_maps

__all__ = ["MAPS", "MapRule"]


class MapRule(NamedTuple):
    """How one map comes about.

    ``needs`` names the buffers ("votes": a row of the words for each label), ``compute`` takes
    them and the number of samples, and ``rows`` says what its first axis counts: "groups" (one
    for exclusive classes, one for each region), "classes" or "structures" (regions where these
    overlap).
    """

    needs: frozenset[str]
    compute: Callable[[Buffers, int], Tensor]
    rows: Literal["groups", "classes", "structures"] = "groups"


def _mean(buffers: Buffers) -> Tensor:
    assert buffers.mean is not None
    return buffers.mean


def _mean_probability(buffers: Buffers, samples: int) -> Tensor:
    mean = _mean(buffers)
    return mean[0] if mean.shape[0] == 1 else mean[:, 1]


def _predictive_entropy(buffers: Buffers, samples: int) -> Tensor:
    # Nothing large cancels here, so float32 is enough, and twice as fast.
    return entropy(_mean(buffers).float().transpose(0, 1))


def _normalised_entropy(buffers: Buffers, samples: int) -> Tensor:
    return _predictive_entropy(buffers, samples) / log(_mean(buffers).shape[1])


def _expected_entropy(buffers: Buffers, samples: int) -> Tensor:
    assert buffers.expected is not None
    return buffers.expected / -samples


def _mutual_information(buffers: Buffers, samples: int) -> Tensor:
    return mutual_information(
        _predictive_entropy(buffers, samples), _expected_entropy(buffers, samples)
    )


def _mutual_information_corrected(buffers: Buffers, samples: int) -> Tensor:
    # The jackknife of Ghoshal et al. (2021) to order samples**-2 without a second pass: half
    # the variance of the mean over the mean. Below 1 / (samples * classes) the mean is no longer
    # known well enough to divide by.
    plug_in = _mutual_information(buffers, samples)
    if samples == 1:
        return plug_in
    assert buffers.spread is not None
    mean = _mean(buffers)
    variance = buffers.spread.double() / (samples - 1)
    floor = 1.0 / (samples * mean.shape[1])
    bias = (variance / mean.clamp_min(floor)).sum(dim=1) / (2 * samples)
    return (plug_in + bias).clamp_max(log(mean.shape[1]))


def _divergence(buffers: Buffers, samples: int) -> Tensor:
    # Mean over all ordered pairs of samples, each with itself included.
    assert buffers.expected is not None
    assert buffers.logs is not None
    cross = (_mean(buffers) * buffers.logs).sum(dim=1)
    return ((buffers.expected - cross) / samples).clamp_min(0.0)


def _epkl(buffers: Buffers, samples: int) -> Tensor:
    if samples == 1:
        return torch.zeros_like(_divergence(buffers, samples))
    return _divergence(buffers, samples) * (samples / (samples - 1))


def _rmi(buffers: Buffers, samples: int) -> Tensor:
    # The divergence less the mutual information; the expected entropy cancels.
    assert buffers.logs is not None
    mean = _mean(buffers)
    cross = (mean * buffers.logs).sum(dim=1) / -samples
    return (cross - entropy(mean.transpose(0, 1))).clamp_min(0.0)


def _confidence(buffers: Buffers, samples: int) -> Tensor:
    return _mean(buffers).amax(dim=1)


def _margin(buffers: Buffers, samples: int) -> Tensor:
    mean = _mean(buffers)
    first, second = mean[:, 0], torch.zeros_like(mean[:, 0])
    for label in range(1, mean.shape[1]):
        second = torch.maximum(second, torch.minimum(first, mean[:, label]))
        first = torch.maximum(first, mean[:, label])
    return first - second


def _variation_ratio(buffers: Buffers, samples: int) -> Tensor:
    groups = _groups(buffers)
    return 1.0 - votes(buffers, samples, groups).amax(dim=1).double() / samples


def _groups(buffers: Buffers) -> int:
    held = buffers.mean if buffers.evidence is None else buffers.evidence
    assert held is not None
    return held.shape[0]


def _rule(
    compute: Callable[[Buffers, int], Tensor],
    *needs: str,
    rows: Literal["groups", "classes", "structures"] = "groups",
) -> MapRule:
    return MapRule(frozenset(needs), compute, rows)


# Sources: `mutual_information` Houlsby et al., arXiv 1112.5745; its correction Ghoshal et al.,
# Comput. Intell. 37 (2021) 701-734; `epkl` and `rmi` Malinin & Gales, arXiv 2002.07650;
# `normalised_entropy` is the e-map and `b_map` the b-map of Sander et al., Sci. Rep. 10 (2020)
# 21769. Where Roy et al., NeuroImage 195 (2019), sum the entropies of the samples (as remembered,
# not verified), that is the number of samples times `expected_entropy`.
MAPS: dict[str, MapRule] = {
    "mean_probability": _rule(_mean_probability, "mean", rows="classes"),
    "predictive_entropy": _rule(_predictive_entropy, "mean"),
    "normalised_entropy": _rule(_normalised_entropy, "mean"),
    "expected_entropy": _rule(_expected_entropy, "expected"),
    "mutual_information": _rule(_mutual_information, "mean", "expected"),
    "mutual_information_corrected": _rule(
        _mutual_information_corrected, "mean", "expected", "spread"
    ),
    "epkl": _rule(_epkl, "mean", "expected", "logs"),
    "rmi": _rule(_rmi, "mean", "logs"),
    **{
        name: _rule(compute, "mean", "spread")
        for name, compute in spread_maps(sample_variances).items()
    },
    "confidence": _rule(_confidence, "mean"),
    "margin": _rule(_margin, "mean"),
    "variation_ratio": _rule(_variation_ratio, "mean", "votes"),
    "one_vs_rest_predictive_entropy": _rule(
        one_vs_rest.predictive_entropy, "mean", rows="structures"
    ),
    "one_vs_rest_expected_entropy": _rule(
        one_vs_rest.expected_entropy, "one_vs_rest", rows="structures"
    ),
    "one_vs_rest_mutual_information": _rule(
        one_vs_rest.mutual_information, "mean", "one_vs_rest", rows="structures"
    ),
}
