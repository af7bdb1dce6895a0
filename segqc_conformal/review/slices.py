"""The slices of a judged mask, each with a score: how much it is doubted."""

from __future__ import annotations

from collections.abc import Callable
from math import prod
from typing import Any

import numpy as np
import pandas as pd
import torch
from numpy.typing import NDArray
from scipy import ndimage

from segqc_conformal.dice import dice_from_volumes
from segqc_conformal.errors import GeometryError, InputError
from segqc_conformal.measures.parts import slice_axis
from segqc_conformal.review.voxel_doubt import EXPECTED_ERROR, doubtful_voxels, voxel_values
from segqc_conformal.uncertainty.bit_planes import pairwise_dice
from segqc_conformal.uncertainty.judged_structure import JudgedStructure

__all__ = ["SLICE_SCORE", "across_slices", "slice_rows"]

SLICE_SCORE = f"{EXPECTED_ERROR}_sum"


def across_slices(shape: tuple[int, ...], spacing_mm: tuple[float, ...]) -> int:
    """Axis across the slices: that of length 1 of a flat image, else that of the largest spacing.

    Examples
    --------
    >>> across_slices((64, 64, 20), (1.0, 1.0, 3.0)), across_slices((64, 64, 1), (2.0, 2.0, 1.0))
    (2, 2)
    """
    return shape.index(1) if 1 in shape else slice_axis(spacing_mm)


def slice_rows(structure: JudgedStructure, case_id: str, score: str = SLICE_SCORE) -> pd.DataFrame:
    """Score each slice of a structure that is worth a look.

    Parameters
    ----------
    structure : JudgedStructure
        On a grid of 3 axes, with its ``probability``: of
        `UncertaintyAccumulator.judged_structures` or `read_judged_structures`.
    case_id : str
    score : str
        ``<values>_sum`` or ``<values>_mean`` of "expected_error" (``|mask - p|``) or of a map, the
        sum in ml, the mean over what is judged or doubtful in the slice; "soft_dice_confidence" or
        "pairwise_dice" (of the samples in the slice), both as ``1 - value``; or "largest_blob",
        the largest connected doubtful area in mm2.

    Returns
    -------
    DataFrame
        One row for each slice that holds some of the judged mask or a doubtful voxel (every slice
        of an empty mask without one), in order: ``case_id, structure, axis`` (across the slices,
        that of the largest spacing), ``slice`` (from 0), ``slice_mm`` (from the first slice),
        ``score``, larger where the slice is doubted more.

    Raises
    ------
    GeometryError
        If the grid has not 3 axes.
    InputError
        If what the score needs is not held, or the score is unknown.

    Notes
    -----
    Guarantee: none. A slice without judged mask in which p is not 0 has Soft Dice Confidence 0.
    Sources: Zhou et al. 2022 (the slice of the lowest predicted quality first); Borges et al.,
    arXiv 2402.10665 (Soft Dice Confidence); Roy et al., NeuroImage 195 (2019) 11-22 (pairwise
    Dice).

    Examples
    --------
    >>> import torch
    >>> from segqc_conformal.uncertainty.bit_planes import BitPlanes
    >>> p = torch.tensor([0.9, 0.5]).expand(2, 2, 2)
    >>> mask = torch.ones(2, 2, 2, dtype=torch.bool)
    >>> args = ("apex", p.flatten(), 2, {}, BitPlanes(), mask, mask.long(), (10.0, 10.0, 10.0))
    >>> slice_rows(JudgedStructure(*args), "c")[["slice", "score"]].round(3).values.tolist()
    [[0.0, 0.4], [1.0, 2.0]]
    """
    shape = tuple(structure.judged.shape)
    if len(shape) != 3:
        raise GeometryError("a grid of 3 axes", shape, "rank patches or regions", case_id)
    axis = across_slices(shape, structure.spacing_mm)
    judged = _by_slice(structure.judged.cpu().numpy(), axis)
    held = judged | _by_slice(doubtful_voxels(structure), axis)
    listed = np.flatnonzero(held.any(axis=1)) if held.any() else np.arange(shape[axis])
    values = _values(structure, score, axis, held)
    return pd.DataFrame(
        {
            "case_id": case_id,
            "structure": structure.name,
            "axis": axis,
            "slice": listed,
            "slice_mm": listed * structure.spacing_mm[axis],
            "score": values[listed],
        }
    )


def _values(
    structure: JudgedStructure, score: str, axis: int, held: NDArray[np.bool_]
) -> NDArray[np.float64]:
    named: dict[str, Callable[[JudgedStructure, int], NDArray[np.float64]]] = {
        "soft_dice_confidence": _soft_dice_doubt,
        "pairwise_dice": _pairwise_doubt,
        "largest_blob": _largest_blob,
    }
    if score in named:
        return named[score](structure, axis)
    name, _, how = score.rpartition("_")
    if how not in ("sum", "mean"):
        raise InputError(
            f"{', '.join(named)}, or <values>_sum or <values>_mean", score, "choose one of these"
        )
    values = _by_slice(voxel_values(structure, name), axis)
    if how == "sum":
        return np.asarray(values.sum(axis=1) * prod(structure.spacing_mm) / 1000.0)
    return np.asarray((values * held).sum(axis=1) / np.maximum(held.sum(axis=1), 1))


def _by_slice(values: NDArray[Any], axis: int) -> NDArray[Any]:
    return np.moveaxis(values, axis, 0).reshape(values.shape[axis], -1)


def _soft_dice_doubt(structure: JudgedStructure, axis: int) -> NDArray[np.float64]:
    assert structure.probability is not None
    p = structure.probability.reshape(structure.judged.shape).double().cpu().numpy()
    judged, p = (_by_slice(each, axis) for each in (structure.judged.cpu().numpy(), p))
    within = (p * judged).sum(axis=1)
    return 1.0 - dice_from_volumes(within, p.sum(axis=1), judged.sum(axis=1))


def _pairwise_doubt(structure: JudgedStructure, axis: int) -> NDArray[np.float64]:
    shape, samples = structure.judged.shape, structure.planes.samples
    if samples < 2:
        raise InputError(
            "the masks of 2 or more samples", f"{samples}", "score by another rule, or sample more"
        )
    voxels = torch.arange(shape.numel(), device=structure.judged.device).reshape(shape)
    pairs = np.triu_indices(samples, 1)
    agreed = [
        pairwise_dice(structure.planes.part(each.reshape(-1)).intersections())[pairs].mean()
        for each in voxels.unbind(axis)
    ]
    return 1.0 - np.asarray(agreed)


def _largest_blob(structure: JudgedStructure, axis: int) -> NDArray[np.float64]:
    doubtful = np.moveaxis(doubtful_voxels(structure), axis, 0)
    pixel_mm2 = prod(structure.spacing_mm) / structure.spacing_mm[axis]
    sizes = [np.bincount(ndimage.label(each)[0].ravel())[1:].max(initial=0) for each in doubtful]
    return np.asarray(sizes, dtype=np.float64) * pixel_mm2
