"""How much each voxel of a judged mask is doubted."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from segqc_conformal.errors import InputError
from segqc_conformal.measures.probabilities import UNCERTAIN
from segqc_conformal.uncertainty.judged_structure import JudgedStructure

__all__ = ["EXPECTED_ERROR", "doubtful_voxels", "voxel_values"]

EXPECTED_ERROR = "expected_error"


def voxel_values(structure: JudgedStructure, name: str) -> NDArray[np.float64]:
    """Return the chance that each voxel is wrong, or one of the maps.

    Parameters
    ----------
    structure : JudgedStructure
        On a grid.
    name : str
        "expected_error": ``|mask - p|``, p the mean probability of the structure; or a map that
        `structure` holds, such as "predictive_entropy" or "b_map".

    Returns
    -------
    ndarray of float64, shape ``(*spatial)``

    Raises
    ------
    InputError
        If neither the probability nor such a map is held.

    Notes
    -----
    Guarantee: none; ``|mask - p|`` is the chance of an error only where p is calibrated.

    Examples
    --------
    >>> import torch
    >>> from segqc_conformal.uncertainty.bit_planes import BitPlanes
    >>> p = torch.tensor([0.75, 0.25])
    >>> args = ("apex", p, 2, {}, BitPlanes(), p > 0.5, (p > 0.5).long(), (1.0,))
    >>> voxel_values(JudgedStructure(*args), "expected_error").tolist()
    [0.25, 0.25]
    """
    shape = tuple(structure.judged.shape)
    if name == EXPECTED_ERROR and structure.probability is not None:
        p = structure.probability.reshape(shape).cpu().numpy().astype(np.float64)
        return np.asarray(np.abs(structure.judged.cpu().numpy() - p))
    if name not in structure.maps:
        raise InputError(
            f"{EXPECTED_ERROR!r} with the mean probability held, or one of {list(structure.maps)}",
            name,
            "hold the map: maps=(name,) of the accumulator, or another file of save_maps",
        )
    return structure.maps[name].reshape(shape).cpu().numpy().astype(np.float64)


def doubtful_voxels(structure: JudgedStructure) -> NDArray[np.bool_]:
    """Return where the mean probability speaks against the mask by more than 0.205.

    Examples
    --------
    >>> import torch
    >>> from segqc_conformal.uncertainty.bit_planes import BitPlanes
    >>> p = torch.tensor([0.75, 0.1])
    >>> args = ("apex", p, 2, {}, BitPlanes(), p > 0.5, (p > 0.5).long(), (1.0,))
    >>> doubtful_voxels(JudgedStructure(*args)).tolist()
    [True, False]
    """
    return np.asarray(voxel_values(structure, EXPECTED_ERROR) > UNCERTAIN)
