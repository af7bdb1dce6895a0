"""The mean of each uncertainty map over the judged mask."""

from __future__ import annotations

from math import log, sqrt

from segqc_conformal.measures.reducers import weighted_mean
from segqc_conformal.uncertainty.judged_structure import JudgedStructure

__all__ = ["EVIDENCE_MEANINGS", "MAP_NAMES", "MEANINGS", "map_means", "most_uncertain"]

# A list of its own: what else an accumulator can hold must not change what a schema means. The
# means of the entropies are features of the standard schema, under the maps' own names.
MAP_NAMES = (
    "b_map",
    "b_map_max",
    "confidence",
    "epkl",
    "margin",
    "mutual_information_corrected",
    "normalised_entropy",
    "one_vs_rest_expected_entropy",
    "one_vs_rest_mutual_information",
    "one_vs_rest_predictive_entropy",
    "rmi",
    "standard_deviation",
    "variance",
)
MEANINGS = {
    f"{name}_judged_mean": f"mean of the map `{name}` over the judged mask" for name in MAP_NAMES
}
EVIDENCE_MEANINGS = {"vacuity_judged_mean": "mean of the map `vacuity` over the judged mask"}
_LARGEST_DIVERGENCE = 23.0 * log(2.0)  # the maps raise p to 2**-23 before its logarithm


def map_means(structure: JudgedStructure) -> dict[str, float]:
    """Average the maps over the judged mask.

    Parameters
    ----------
    structure : JudgedStructure
        With the maps of `MAP_NAMES`.

    Returns
    -------
    dict of float
        One number for each of `MEANINGS`, whatever other maps are held; of evidence for each of
        `EVIDENCE_MEANINGS` as well. Of an empty mask `most_uncertain`.

    Notes
    -----
    Guarantee: none. Source: Hoebel et al., SPIE 11313 (2020) (mean of each map against Dice).

    Examples
    --------
    >>> import torch
    >>> from segqc_conformal.uncertainty.bit_planes import BitPlanes
    >>> maps, mask = dict.fromkeys(MAP_NAMES, torch.tensor([0.5, 0.25])), torch.ones(2) > 0
    >>> structure = JudgedStructure("apex", None, 2, maps, BitPlanes(), mask, mask.long(), (1.0,))
    >>> map_means(structure)["epkl_judged_mean"]
    0.375
    """
    held = (*MAP_NAMES, "vacuity") if "vacuity" in structure.maps else MAP_NAMES
    return {f"{name}_judged_mean": _mean(structure, name) for name in held}


def _mean(structure: JudgedStructure, name: str) -> float:
    if not structure.size:
        return most_uncertain(name, structure.class_count)
    return weighted_mean(structure.maps[name][structure.inside], structure.inside_weights)


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
        An upper bound of the map's values, a lower one for a map of certainty, whatever the number
        and kind of samples. Of a map that is not known here log(class_count).

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
    }.get(map_name, log(class_count))
