"""Uncertainty in the regions that the caller drew, such as the zones of an organ."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import numpy as np
import torch

from segqc_conformal.errors import InputError
from segqc_conformal.measures.map_means import most_uncertain
from segqc_conformal.measures.reducers import weighted_mean, weighted_sum
from segqc_conformal.uncertainty.judged_structure import JudgedStructure

__all__ = ["caller_meanings", "caller_regions"]


def caller_meanings(regions: Mapping[str, int], maps: Iterable[str]) -> dict[str, str]:
    """Name and explain the features of the caller's regions.

    Examples
    --------
    >>> list(caller_meanings({"apex": 1}, ("predictive_entropy",)))
    ['share_in_apex', 'predictive_entropy_in_apex']
    """
    meanings = {}
    for region in regions:
        meanings[f"share_in_{region}"] = f"share of the judged mask in the region {region}"
        for name in maps:
            words = name.replace("_", " ")
            meanings[f"{name}_in_{region}"] = f"mean {words} of the judged mask in {region}"
    return meanings


def caller_regions(
    structure: JudgedStructure, regions: Mapping[str, int], maps: Iterable[str]
) -> dict[str, float]:
    """Average maps over the part of the judged mask in each of the caller's regions.

    Parameters
    ----------
    structure : JudgedStructure
        With its region map.
    regions : mapping of str to int
        Name -> label in the region map, which need not hold each of them: a region may be absent
        from a case. Labels that are not named here are no region.
    maps : iterable of str
        Names of maps.

    Returns
    -------
    dict of float
        ``share_in_<region>`` of the judged mask, in [0, 1], and ``<map>_in_<region>``. Where the
        mask holds none of a region its share is 0 and its mean that of the whole judged mask; of
        an empty mask the mean is `most_uncertain`.

    Raises
    ------
    InputError
        If the structure has no region map.

    Notes
    -----
    Guarantee: none. Source: Ghosal et al. (2021), prostate biopsies (uncertainty by tissue region).

    Examples
    --------
    >>> from segqc_conformal.uncertainty.bit_planes import BitPlanes
    >>> maps, mask = {"predictive_entropy": torch.tensor([0.5, 0.25])}, torch.ones(2) > 0
    >>> args = ("a", None, 2, maps, BitPlanes(), mask, mask.long(), (1.0,))
    >>> structure = JudgedStructure(*args, region_map=np.array([1, 2]))
    >>> caller_regions(structure, {"apex": 1, "base": 2}, maps)["predictive_entropy_in_base"]
    0.25
    """
    if structure.region_map is None:
        raise InputError(
            f"a region map with the regions {dict(regions)}",
            "none",
            "give each case its region map, or a schema without regions",
        )
    labels = np.ascontiguousarray(structure.region_map, dtype=np.int64).reshape(-1)
    labels_inside = torch.from_numpy(labels).to(structure.inside.device)[structure.inside]
    weights = structure.inside_weights
    if weights is None:
        weights = torch.ones_like(labels_inside)
    held = {name: structure.maps[name][structure.inside] for name in maps}
    features = {}
    for region, label in regions.items():
        here = torch.where(labels_inside == label, weights, 0)
        size = weighted_sum(here)
        features[f"share_in_{region}"] = size / structure.size if structure.size else 0.0
        for name, values in held.items():
            mean = most_uncertain(name, structure.class_count)
            if size:
                mean = weighted_sum(values, here) / size
            elif structure.size:
                mean = weighted_mean(values, structure.inside_weights)
            features[f"{name}_in_{region}"] = mean
    return features
