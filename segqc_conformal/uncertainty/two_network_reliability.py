"""Where one network may learn from, or be trusted by, another: a reliability for each voxel."""

from __future__ import annotations

import torch
from torch import Tensor

from segqc_conformal.errors import GeometryError, InputError
from segqc_conformal.sampling.probability_check import check_probabilities
from segqc_conformal.uncertainty.entropy import entropy

__all__ = ["mean_reliability", "two_network_reliability"]


def two_network_reliability(uncertain: Tensor, trusted: Tensor, features: Tensor) -> Tensor:
    """Weigh the prediction of one network where it is surer than another.

    Parameters
    ----------
    uncertain, trusted : Tensor of float, shape ``(classes, *spatial)``
        Probabilities of exclusive classes of the two networks.
    features : Tensor of float, shape ``(channels, *spatial)``
        The trusted network's features on the same grid.

    Returns
    -------
    Tensor of float32, shape ``(*spatial)``
        ``mean_c(1 - (m_c - p_c)**2)`` where the trusted network's entropy is the smaller, else 0;
        p is its probability and m_c the cosine of a voxel's features to the prototype of class c,
        their mean weighted by p_c. In [0, 1] for features >= 0, otherwise at least -3.

    Raises
    ------
    InputError
        For what are no probabilities, or features that are not finite.
    GeometryError
        If the three do not share one grid and the two predictions their classes.

    Notes
    -----
    Guarantee: none. Source: Su et al., Med. Image Anal. (2024), and their public code; that
    prototypes are weighted by the probabilities is our choice.

    Examples
    --------
    >>> sure, unsure = torch.tensor([[1.0, 0.0], [0.0, 1.0]]), torch.full((2, 2), 0.5)
    >>> two_network_reliability(unsure, sure, torch.eye(2)).tolist()
    [1.0, 1.0]
    >>> two_network_reliability(sure, unsure, torch.eye(2)).tolist()
    [0.0, 0.0]
    """
    grid = tuple(trusted.shape[1:])
    theirs = check_probabilities(trusted).double()
    ours = check_probabilities(uncertain, grid).double()
    if ours.shape != theirs.shape or tuple(features.shape[1:]) != grid:
        raise GeometryError(
            f"predictions of one shape {tuple(theirs.shape)} and features on their grid",
            (tuple(ours.shape), tuple(features.shape)),
            "resample the features to the predictions' grid",
        )
    if not bool(torch.isfinite(features).all()):
        raise InputError("finite features", "NaN or infinity", "check the image's intensities")
    p = theirs.flatten(1)
    similarity = _similarity(features.double().flatten(1), p)
    weight = (1.0 - (similarity - p) ** 2).mean(dim=0).reshape(grid)
    return torch.where(entropy(ours) > entropy(theirs), weight, 0.0).float()


def mean_reliability(reliability: Tensor, mask: Tensor) -> float:
    """Average a reliability map over a mask.

    Parameters
    ----------
    reliability : Tensor, shape ``(*spatial)``
    mask : Tensor of bool, shape ``(*spatial)``

    Returns
    -------
    float
        0 for an empty mask: nothing there is reliable.

    Notes
    -----
    Guarantee: none.

    Examples
    --------
    >>> mean_reliability(torch.tensor([1.0, 0.5]), torch.tensor([True, True]))
    0.75
    """
    inside = reliability[mask]
    return float(inside.mean(dtype=torch.float64)) if inside.numel() else 0.0


def _similarity(features: Tensor, probabilities: Tensor) -> Tensor:
    # Directions only: a prototype that is a sum points where the mean does.
    prototypes = torch.nn.functional.normalize(probabilities @ features.T, dim=1)
    return prototypes @ torch.nn.functional.normalize(features, dim=0)
