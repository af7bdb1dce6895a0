"""The mean over the judged mask of every map that is held."""

from __future__ import annotations

from collections.abc import Iterable
from math import log, sqrt

from segqc_conformal.measures import entropies
from segqc_conformal.measures.judged_voxels import JudgedVoxels
from segqc_conformal.uncertainty.judged_structure import JudgedStructure

__all__ = ["map_mean_meanings", "map_means", "mean_name", "most_uncertain"]

# Their means are features of the standard schema, under the maps' own names.
_STANDARD = {"mean_probability", *entropies.NAMES}
_LARGEST_DIVERGENCE = 23.0 * log(2.0)  # the maps raise p to 2**-23 before its logarithm


def mean_name(map_name: str) -> str:
    """Name of the feature that holds the mean of a map over the judged mask.

    Examples
    --------
    >>> mean_name("epkl"), mean_name("mutual_information")
    ('epkl_mean', 'mutual_information')
    """
    return map_name if map_name in _STANDARD else f"{map_name}_mean"


def map_mean_meanings(map_names: Iterable[str]) -> dict[str, str]:
    """Name and explain the features of these maps that the standard schema does not have.

    Examples
    --------
    >>> map_mean_meanings(["epkl", "predictive_entropy"])
    {'epkl_mean': 'mean epkl over the judged mask'}
    """
    return {
        mean_name(name): f"mean {name.replace('_', ' ')} over the judged mask"
        for name in map_names
        if name not in _STANDARD
    }


def map_means(structure: JudgedStructure) -> dict[str, float]:
    """Average every map that is held over the judged mask.

    Parameters
    ----------
    structure : JudgedStructure

    Returns
    -------
    dict of float
        ``<map>_mean``; without those of the standard schema, whose means are features under the
        maps' own names. Of an empty mask `most_uncertain`.

    Notes
    -----
    Guarantee: none. Source: Hoebel et al., SPIE 11313 (2020) (mean of each map against Dice).

    Examples
    --------
    >>> import torch
    >>> from segqc_conformal.uncertainty.bit_planes import BitPlanes
    >>> maps, mask = {"epkl": torch.tensor([0.5, 0.25])}, torch.tensor([True, True])
    >>> structure = JudgedStructure("apex", None, 2, maps, BitPlanes(), mask, mask.long(), (1.0,))
    >>> map_means(structure)
    {'epkl_mean': 0.375}
    """
    inside = JudgedVoxels(structure)
    names = [name for name in structure.maps if name not in _STANDARD]
    if not inside.size:
        return {mean_name(name): most_uncertain(name, structure.class_count) for name in names}
    return {mean_name(name): inside.mean(structure.maps[name]) for name in names}


def most_uncertain(map_name: str, class_count: int) -> float:
    """Value of a map where nothing at all is known: that of the features of an empty mask.

    Parameters
    ----------
    map_name : str
    class_count : int
        Number of exclusive classes.

    Returns
    -------
    float
        The largest value the map can have; the smallest for a map of certainty. Of a map that is
        not known here log(class_count).

    Notes
    -----
    Guarantee: none.

    Examples
    --------
    >>> most_uncertain("confidence", 4), most_uncertain("variance", 2)
    (0.25, 0.25)
    """
    spread = sqrt(class_count - 1) / class_count  # of samples certain of each class in turn
    if map_name.startswith("one_vs_rest_"):
        return log(2.0)
    return {
        "b_map": min(1.0, 2.0 * spread),
        "b_map_max": 1.0,
        "confidence": 1.0 / class_count,
        "epkl": _LARGEST_DIVERGENCE,
        "margin": 0.0,
        "normalised_entropy": 1.0,
        "rmi": _LARGEST_DIVERGENCE,
        "standard_deviation": spread,
        "vacuity": 1.0,
        "variance": spread**2,
        "variation_ratio": 1.0 - 1.0 / class_count,
    }.get(map_name, log(class_count))
