"""Predictive entropy and mutual information, reduced over every region in every sensible way."""

from __future__ import annotations

from collections.abc import Callable
from math import log
from typing import NamedTuple

from torch import Tensor

from segqc_conformal.measures.reducers import (
    mean_above,
    quantiles,
    share_above,
    weighted_mean,
    weighted_sum,
)
from segqc_conformal.measures.regions import (
    BAND_MM,
    DEPTH_CAP_MM,
    Region,
    grid_regions,
    plain_regions,
)
from segqc_conformal.uncertainty.judged_structure import JudgedStructure

__all__ = ["GRID_MEANINGS", "PLAIN_MEANINGS", "THRESHOLDS", "by_distance", "by_region"]

# nats. Of two classes a voxel is uncertain from odds of about 8 : 1; no share k/n of few certain
# samples lies there, so that rounding decides no tie.
THRESHOLDS = {"predictive_entropy": 0.36, "mutual_information": 0.1}

_REGIONS = {
    "all": "the whole case",
    "judged": "the judged mask",
    "boundary": f"the {BAND_MM:g} mm around the judged mask's boundary",
    "interior": f"the judged mask without its outer {BAND_MM:g} mm",
    "exterior": f"all more than {BAND_MM:g} mm outside the judged mask",
    "depth": f"the judged mask, weighted by depth up to {DEPTH_CAP_MM:g} mm",
}
# Quantiles and shares of a whole case say how large the image is; the mean over the judged mask is
# a feature of its own.
_REDUCED_BY = {
    "all": ("mean", "sum", "max", "mean_above"),
    "judged": ("sum", "max", "q50", "q90", "mean_above", "share_above"),
    "boundary": ("mean", "sum", "max", "q50", "q90", "mean_above", "share_above"),
    "interior": ("mean", "max", "q50", "q90", "mean_above", "share_above"),
    "exterior": ("mean", "sum", "max", "mean_above"),
    "depth": ("mean",),
}


class _Way(NamedTuple):
    reduce: Callable[[Tensor, Tensor | None, float], float]  # values, weights, threshold
    words: str


_WAYS = {
    "mean": _Way(lambda v, w, at: weighted_mean(v, w), "mean {map} over {place}"),
    "sum": _Way(lambda v, w, at: weighted_sum(v, w), "sum of {map} over {place}, nats ml"),
    "max": _Way(lambda v, w, at: float(v.max()), "largest {map} in {place}"),
    "q50": _Way(lambda v, w, at: quantiles(v, w, (0.5,))[0], "median {map} in {place}"),
    "q90": _Way(lambda v, w, at: quantiles(v, w, (0.9,))[0], "0.9-quantile of {map} in {place}"),
    "mean_above": _Way(mean_above, "mean {map} above {at} nats in {place}"),
    "share_above": _Way(share_above, "share with {map} above {at} nats of {place}"),
}


def _meanings(*regions: str) -> dict[str, str]:
    return {
        f"{name}_{region}_{way}": _WAYS[way].words.format(
            map=name.replace("_", " "), at=at, place=_REGIONS[region]
        )
        for name, at in THRESHOLDS.items()
        for region in regions
        for way in _REDUCED_BY[region]
    }


PLAIN_MEANINGS = _meanings("all", "judged")
GRID_MEANINGS = _meanings("boundary", "interior", "exterior", "depth")


def by_region(structure: JudgedStructure) -> dict[str, float]:
    """Reduce both maps over the whole case and the judged mask, of a grid or of flat elements.

    Parameters
    ----------
    structure : JudgedStructure

    Returns
    -------
    dict of float
        One number for each of `PLAIN_MEANINGS`. Of an empty mask, sums over the mask are 0, shares
        1 and all else over the mask log(classes), the most uncertain value; the whole case is
        measured as it is.

    Notes
    -----
    Guarantee: none. Sources: Zenk et al., arXiv 2406.03323; Kahl et al., arXiv 2401.08501 (sum and
    threshold).

    Examples
    --------
    >>> import torch
    >>> from segqc_conformal.uncertainty.bit_planes import BitPlanes
    >>> maps, mask = dict.fromkeys(THRESHOLDS, torch.tensor([0.6, 0.2])), torch.ones(2) > 0
    >>> structure = JudgedStructure("apex", None, 2, maps, BitPlanes(), mask, mask.long(), (1.0,))
    >>> round(by_region(structure)["predictive_entropy_all_mean"], 4)
    0.4
    """
    return _reduced(structure, plain_regions(structure))


def by_distance(structure: JudgedStructure) -> dict[str, float]:
    """Reduce both maps over the regions by distance to the boundary of the judged mask.

    Parameters
    ----------
    structure : JudgedStructure
        On a grid.

    Returns
    -------
    dict of float
        One number for each of `GRID_MEANINGS`. A region that is empty though the mask is not (a
        thin structure has no interior) takes the value of the judged mask, its sum 0. Of an empty
        mask as in `by_region`.

    Notes
    -----
    Guarantee: none.
    """
    return _reduced(structure, grid_regions(structure))


def _reduced(structure: JudgedStructure, regions: dict[str, Region]) -> dict[str, float]:
    judged = Region(structure.inside, structure.inside_weights)
    largest, voxel_ml = log(structure.class_count), structure.voxel_mm3 / 1000.0
    features: dict[str, float] = {}
    for name, threshold in THRESHOLDS.items():
        for place, region in regions.items():
            ways = _REDUCED_BY[place]
            chosen = judged if region.is_empty else region
            if chosen.is_empty:
                found = {way: {"share_above": 1.0}.get(way, largest) for way in ways}
            else:
                values, weights = chosen.values(structure.maps[name]), chosen.weights
                found = {way: _WAYS[way].reduce(values, weights, threshold) for way in ways}
            if "sum" in found:
                found["sum"] = 0.0 if region.is_empty else found["sum"] * voxel_ml
            features |= {f"{name}_{place}_{way}": value for way, value in found.items()}
    return features
