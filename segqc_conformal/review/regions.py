"""The connected regions of a case in which its mask is doubted."""

from __future__ import annotations

from collections.abc import Sequence
from math import prod
from typing import NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy import ndimage

from segqc_conformal.errors import InputError
from segqc_conformal.measures.distance import distance_inside, distance_to
from segqc_conformal.measures.mask_box import mask_box
from segqc_conformal.review.boxes import box_columns
from segqc_conformal.review.order import in_order
from segqc_conformal.review.voxel_doubt import EXPECTED_ERROR, doubtful_voxels, voxel_values
from segqc_conformal.uncertainty.judged_structure import JudgedStructure

__all__ = ["Regions", "find_regions"]

TOLERANCE_MM = 1.0
SMALLEST = 10  # voxels


class Regions(NamedTuple):
    """The regions of a case to look at.

    ``rows`` has one row for each region in the order in which to look at them: ``place`` from 1,
    ``case_id``, ``structure`` (the one that is doubted most there), for each axis i ``first_i,
    last_i`` (voxels, from 0, both within) and ``centre_i, centre_mm_i``; ``voxels``,
    ``volume_ml``, ``score``. ``labels``, int32 ``(*spatial)``, is k in the region of place k, 0
    elsewhere.
    """

    rows: pd.DataFrame
    labels: NDArray[np.int32]


def find_regions(
    structures: Sequence[JudgedStructure],
    case_id: str,
    tolerance_mm: float = TOLERANCE_MM,
    smallest: int = SMALLEST,
) -> Regions:
    """Find where a mask is doubted farther from its surface than a reader would tolerate.

    Parameters
    ----------
    structures : sequence of JudgedStructure
        All structures of a case, each with its ``probability``.
    case_id : str
    tolerance_mm : float, >= 0
        A doubtful voxel counts if it lies farther than this from the other side of its structure's
        surface: nearly every voxel of a surface is doubtful, and all of them hang together.
    smallest : int, >= 1
        Regions of fewer voxels are left out.

    Returns
    -------
    Regions
        Doubtful voxels (``|mask - p| > 0.205`` for some structure) beyond the tolerance, connected
        by faces; the score is the sum of ``|mask - p|`` of the worst structure in ml.

    Raises
    ------
    InputError
        For no structure, a tolerance below 0, or smallest below 1.

    Notes
    -----
    Guarantee: none. After the error target of Sander et al., Sci. Rep. 10 (2020) 21769, with
    doubt in the place of errors.

    Examples
    --------
    >>> import torch
    >>> from segqc_conformal.uncertainty.bit_planes import BitPlanes
    >>> p = torch.tensor([0.9, 0.5, 0.1, 0.4, 0.4])
    >>> mask = p > 0.8
    >>> args = ("apex", p, 2, {}, BitPlanes(), mask, mask.long(), (1.0,))
    >>> regions = find_regions([JudgedStructure(*args)], "c", smallest=2)
    >>> regions.labels.tolist(), regions.rows["centre_0"].tolist()
    ([0, 0, 0, 1, 1], [3.5])
    """
    if not structures or tolerance_mm < 0 or smallest < 1:
        raise InputError(
            "a structure, tolerance_mm >= 0 and smallest >= 1",
            (len(structures), tolerance_mm, smallest),
            "correct the settings",
            case_id,
        )
    doubt = np.stack([_beyond(structure, tolerance_mm) for structure in structures])
    parts, _ = ndimage.label(doubt.any(axis=0))
    sizes = np.bincount(parts.ravel())
    kept = [number for number in range(1, len(sizes)) if sizes[number] >= smallest]
    errors = np.stack([voxel_values(structure, EXPECTED_ERROR) for structure in structures])
    rows = in_order(_rows(kept, parts, errors * doubt, structures, case_id))
    places = np.zeros(len(sizes), dtype=np.int32)
    places[rows.pop("part").to_numpy(dtype=int)] = rows["place"]
    rows.insert(0, "place", rows.pop("place"))
    return Regions(rows, places[parts])


def _beyond(structure: JudgedStructure, tolerance_mm: float) -> NDArray[np.bool_]:
    mask, spacing = structure.judged.cpu().numpy(), structure.spacing_mm
    doubtful = doubtful_voxels(structure)
    box = mask_box(mask | doubtful)
    if box is None or not mask.any():
        return doubtful
    within = mask[box.slices]
    away = np.where(within, distance_inside(within, spacing), distance_to(within, spacing))
    doubtful[box.slices] &= away > tolerance_mm
    return doubtful


def _rows(
    kept: list[int],
    parts: NDArray[np.int32],
    errors: NDArray[np.float64],
    structures: Sequence[JudgedStructure],
    case_id: str,
) -> pd.DataFrame:
    spacing, axes = structures[0].spacing_mm, parts.ndim
    boxes = ndimage.find_objects(parts)
    found = [boxes[number - 1] for number in kept]
    first = np.array([[side.start for side in box] for box in found], dtype=int).reshape(-1, axes)
    last = np.array([[side.stop - 1 for side in box] for box in found], dtype=int).reshape(-1, axes)
    centre = np.array(ndimage.center_of_mass(parts > 0, parts, kept)).reshape(-1, axes)
    sums = np.array([ndimage.sum_labels(each, parts, kept) for each in errors])
    sums = sums.reshape(len(structures), -1)
    worst = sums.argmax(axis=0)
    voxels = np.bincount(parts.ravel())[kept]
    return pd.DataFrame(
        {
            "case_id": case_id,
            "structure": [structures[number].name for number in worst],
            **box_columns(first, last, centre, spacing),
            "voxels": voxels,
            "volume_ml": voxels * prod(spacing) / 1000.0,
            "score": sums.max(axis=0) * prod(spacing) / 1000.0,
            "part": kept,
        }
    )
