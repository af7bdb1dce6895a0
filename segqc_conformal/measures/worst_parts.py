"""The most uncertain slice, component and patch of a structure."""

from __future__ import annotations

from math import log

import torch
from torch import Tensor

from segqc_conformal.measures.map_regions import THRESHOLDS
from segqc_conformal.measures.parts import component_numbers, part_sums, slice_numbers
from segqc_conformal.measures.patches import PATCH_MM, Patches
from segqc_conformal.uncertainty.judged_structure import JudgedStructure

__all__ = ["MEANINGS", "worst_parts"]

_PARTS = {
    "component_max": "largest mean {} of a component of the judged mask",
    "patch_max": f"largest mean {{}} of a {PATCH_MM:g} mm patch that touches the judged mask",
    "slice_max": "largest mean {} of a slice of the judged mask",
}
MEANINGS = {
    f"{name}_{part}": meaning.format(name.replace("_", " "))
    for name in THRESHOLDS
    for part, meaning in _PARTS.items()
}


def worst_parts(structure: JudgedStructure) -> dict[str, float]:
    """Find the worst slice, component and patch by predictive entropy and mutual information.

    Parameters
    ----------
    structure : JudgedStructure
        On a grid.

    Returns
    -------
    dict of float
        One number for each of `MEANINGS`, nats; of an empty mask log(classes), the most uncertain
        value.

    Notes
    -----
    Guarantee: none. Slices are taken across the axis of the largest spacing.

    Examples
    --------
    >>> from segqc_conformal.uncertainty.bit_planes import BitPlanes
    >>> maps, mask = dict.fromkeys(THRESHOLDS, torch.tensor([0.5, 0.25, 0.0])), torch.ones(3) > 0
    >>> structure = JudgedStructure("apex", None, 2, maps, BitPlanes(), mask, mask.long(), (5.0,))
    >>> worst_parts(structure)["predictive_entropy_patch_max"]  # of two voxels
    0.375
    """
    patches = Patches.around(structure)
    if patches is None:
        return dict.fromkeys(MEANINGS, log(structure.class_count))
    slices, components = slice_numbers(structure.inside, structure), component_numbers(structure)
    features = {}
    for name in THRESHOLDS:
        values = structure.maps[name]
        on_grid, inside = values.reshape(structure.judged.shape), values[structure.inside]
        features[f"{name}_component_max"] = _largest_part_mean(inside, components)
        features[f"{name}_patch_max"] = patches.largest_mean(on_grid)
        features[f"{name}_slice_max"] = _largest_part_mean(inside, slices)
    return features


def _largest_part_mean(values: Tensor, numbers: Tensor) -> float:
    sizes = part_sums(torch.ones_like(values), numbers)
    held = sizes > 0
    return float((part_sums(values, numbers)[held] / sizes[held]).max())
