"""What an uncertainty map says about wrong voxels, from counts alone."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from segqc_conformal.evaluation.discrimination import aupr, auroc
from segqc_conformal.evaluation.reconstructions import ucm_reconstruction
from segqc_conformal.evaluation.voxel_errors import VoxelErrors

__all__ = ["voxel_metrics"]

COARSE = 64  # bins of the densities of UCM: finer ones are apart by chance


def voxel_metrics(errors: VoxelErrors) -> dict[str, float]:
    """Return the voxel-level metrics of an uncertainty map.

    Parameters
    ----------
    errors : VoxelErrors
        Counts of at least one case.

    Returns
    -------
    dict of str to float
        ``voxels`` and ``error_share``; ``error_auroc`` and ``error_aupr`` of finding wrong voxels
        by their uncertainty; ``ue_overlap``, the largest Dice of {uncertainty >= t} with the wrong
        voxels, over t; ``ucm``, a reconstruction; ``ece`` of the confidence and ``ece_label``, a
        reconstruction, where mask or reference mask has a structure. NaN where not defined.

    Notes
    -----
    Voxels of one of 4,096 uncertainty bins count as tied, so AUROC is off by at most half the
    probability that a right and a wrong voxel share a bin, and t is a bin edge. With no wrong
    voxel the overlap is 1, as of two empty masks. All voxels of all cases count alike, so large
    images weigh more, and no interval is given: voxels are not independent. Guarantee: none.
    Source: U-E overlap after van Aalst et al. (2025); ECE-label is rebuilt from its name there.

    Examples
    --------
    >>> errors = VoxelErrors(largest=1.0)
    >>> errors.update(np.array([0.0, 0.9]), np.array([1.0, 0.5]), np.array([1, 1]),
    ...               np.array([1, 0]))
    >>> found = voxel_metrics(errors)
    >>> found["error_auroc"], found["ue_overlap"], found["ucm"], found["ece"]
    (1.0, 1.0, 1.0, 0.25)
    """
    right, wrong = errors.right, errors.wrong
    total = int(right.sum() + wrong.sum())
    found = {
        "voxels": float(total),
        "error_share": float(wrong.sum() / total) if total else float("nan"),
        "ue_overlap": _overlap(right, wrong),
        "ucm": ucm_reconstruction(_coarse(right), _coarse(wrong)),
        "ece": _ece(errors.reliability[0]),
        "ece_label": _ece(errors.reliability[1]),
    }
    level = np.tile(np.arange(wrong.size), 2)
    is_wrong = np.repeat([1.0, 0.0], wrong.size)
    counts = np.concatenate([wrong, right])
    for name, metric in (("error_auroc", auroc), ("error_aupr", aupr)):
        found[name] = float(metric(level, is_wrong, counts)) if total else float("nan")
    return found


def _overlap(right: NDArray[np.int64], wrong: NDArray[np.int64]) -> float:
    if not wrong.any():
        return 1.0
    hits, alarms = (np.cumsum(counts[::-1]) for counts in (wrong, right))
    return float((2.0 * hits / (hits + alarms + wrong.sum())).max())


def _coarse(counts: NDArray[np.int64]) -> NDArray[np.int64]:
    return np.asarray(counts.reshape(COARSE, -1).sum(axis=1))


def _ece(reliability: NDArray[np.float64]) -> float:
    voxels, confidence, right = reliability.T
    gaps = np.abs(confidence - right).sum()
    return float(gaps / voxels.sum()) if voxels.any() else float("nan")
