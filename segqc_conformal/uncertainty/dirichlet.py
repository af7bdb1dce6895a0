"""Uncertainty maps of one sample of evidence, in the closed forms of its Dirichlet distribution."""

from __future__ import annotations

from collections.abc import Callable
from math import log
from typing import Literal

import torch
from torch import Tensor

from segqc_conformal.uncertainty.buffers import Buffers
from segqc_conformal.uncertainty.entropy import entropy, mutual_information
from segqc_conformal.uncertainty.maps import MAPS, MapRule
from segqc_conformal.uncertainty.spread_maps import spread_maps

__all__ = ["DIRICHLET_MAPS"]


def _parameters(buffers: Buffers) -> Tensor:
    assert buffers.evidence is not None
    return buffers.evidence.double() + 1.0


def _beta_parameters(buffers: Buffers) -> Tensor:
    # A structure against the rest: (structure, rest) first, then structures and voxels.
    alpha = _parameters(buffers)[0]
    structure = alpha[list(buffers.rows)]
    return torch.stack([structure, alpha.sum(dim=0) - structure])


def _mean(alpha: Tensor, dim: int) -> Tensor:
    return alpha / alpha.sum(dim=dim, keepdim=True)


def _expected(alpha: Tensor) -> Tensor:
    total = alpha.sum(dim=0)
    gaps = torch.digamma(total + 1.0) - torch.digamma(alpha + 1.0)
    return (alpha / total * gaps).sum(dim=0)


def _mean_probability(buffers: Buffers, samples: int) -> Tensor:
    return _mean(_parameters(buffers)[0], 0)


def _predictive_entropy(buffers: Buffers, samples: int) -> Tensor:
    return entropy(_mean(_parameters(buffers), 1).transpose(0, 1))


def _normalised_entropy(buffers: Buffers, samples: int) -> Tensor:
    return _predictive_entropy(buffers, samples) / log(_parameters(buffers).shape[1])


def _expected_entropy(buffers: Buffers, samples: int) -> Tensor:
    return _expected(_parameters(buffers).transpose(0, 1))


def _mutual_information(buffers: Buffers, samples: int) -> Tensor:
    return mutual_information(
        _predictive_entropy(buffers, samples), _expected_entropy(buffers, samples)
    )


def _epkl(buffers: Buffers, samples: int) -> Tensor:
    alpha = _parameters(buffers)
    return (alpha.shape[1] - 1) / alpha.sum(dim=1)


def _rmi(buffers: Buffers, samples: int) -> Tensor:
    return (_epkl(buffers, samples) - _mutual_information(buffers, samples)).clamp_min(0.0)


def _variances(buffers: Buffers, samples: int) -> Tensor:
    alpha = _parameters(buffers)
    mean = _mean(alpha, 1)
    return mean * (1.0 - mean) / (alpha.sum(dim=1, keepdim=True) + 1.0)


def _confidence(buffers: Buffers, samples: int) -> Tensor:
    return _mean(_parameters(buffers), 1).amax(dim=1)


def _margin(buffers: Buffers, samples: int) -> Tensor:
    return MAPS["margin"].compute(Buffers((), mean=_mean(_parameters(buffers), 1)), samples)


def _vacuity(buffers: Buffers, samples: int) -> Tensor:
    alpha = _parameters(buffers)
    return alpha.shape[1] / alpha.sum(dim=1)


def _structure_entropy(buffers: Buffers, samples: int) -> Tensor:
    return entropy(_mean(_beta_parameters(buffers), 0))


def _structure_expected(buffers: Buffers, samples: int) -> Tensor:
    return _expected(_beta_parameters(buffers))


def _structure_information(buffers: Buffers, samples: int) -> Tensor:
    return mutual_information(
        _structure_entropy(buffers, samples), _structure_expected(buffers, samples)
    )


def _rule(
    compute: Callable[[Buffers, int], Tensor],
    rows: Literal["groups", "classes", "structures"] = "groups",
) -> MapRule:
    return MapRule(frozenset({"evidence"}), compute, rows)


# The names of `maps.MAPS`, here of the distribution itself instead of samples drawn from it, and
# `vacuity`. Mutual information is exact: there is no sampling bias to correct. Sources: Sensoy et
# al., NeurIPS 2018 (evidence, vacuity); Malinin & Gales, NeurIPS 2018 and arXiv 2002.07650.
DIRICHLET_MAPS: dict[str, MapRule] = {
    "mean_probability": _rule(_mean_probability, "classes"),
    "predictive_entropy": _rule(_predictive_entropy),
    "normalised_entropy": _rule(_normalised_entropy),
    "expected_entropy": _rule(_expected_entropy),
    "mutual_information": _rule(_mutual_information),
    "mutual_information_corrected": _rule(_mutual_information),
    "epkl": _rule(_epkl),
    "rmi": _rule(_rmi),
    **{name: _rule(compute) for name, compute in spread_maps(_variances).items()},
    "confidence": _rule(_confidence),
    "margin": _rule(_margin),
    "variation_ratio": MapRule(
        frozenset({"evidence", "votes"}), MAPS["variation_ratio"].compute, "groups"
    ),
    "one_vs_rest_predictive_entropy": _rule(_structure_entropy, "structures"),
    "one_vs_rest_expected_entropy": _rule(_structure_expected, "structures"),
    "one_vs_rest_mutual_information": _rule(_structure_information, "structures"),
    "vacuity": _rule(_vacuity),
}
