"""First-order statistics of the image in and around the judged mask."""

from __future__ import annotations

import numpy as np
import torch

from segqc_conformal.measures.distance import distance_to
from segqc_conformal.measures.first_order import BINS, histogram_entropy, moments
from segqc_conformal.measures.mask_box import judged_box
from segqc_conformal.measures.reducers import quantiles
from segqc_conformal.uncertainty.judged_structure import JudgedStructure

__all__ = ["MEANINGS", "RING_MM", "intensity"]

RING_MM = 5.0
_LEVELS = (0.1, 0.25, 0.5, 0.75, 0.9)

_UNIT = "of the image (z-scored) in the judged mask"
MEANINGS = {
    "image_contrast": f"mean in the judged mask less that in a {RING_MM:g} mm ring around it",
    "image_histogram_entropy": f"entropy of the histogram ({BINS} bins) {_UNIT}, nats",
    "image_iqr": f"distance of the quartiles {_UNIT}",
    "image_kurtosis": f"excess kurtosis {_UNIT}",
    "image_mean": f"mean {_UNIT}",
    "image_q10": f"0.1-quantile {_UNIT}",
    "image_q50": f"median {_UNIT}",
    "image_q90": f"0.9-quantile {_UNIT}",
    "image_skewness": f"skewness {_UNIT}",
    "image_std": f"standard deviation {_UNIT}",
}


def intensity(structure: JudgedStructure) -> dict[str, float]:
    """Describe the image in the judged mask, z-scored over the whole case.

    Parameters
    ----------
    structure : JudgedStructure
        On a grid; the first channel of its image is used.

    Returns
    -------
    dict of float
        One number for each of `MEANINGS`, unchanged where the image is shifted or scaled; all are 0
        without an image, for one that is constant or not finite, and for an empty mask.

    Notes
    -----
    Guarantee: none. Source: Zwanenburg et al., Radiology 295 (2020) 328-338 (definitions).

    Examples
    --------
    >>> from segqc_conformal.uncertainty.bit_planes import BitPlanes
    >>> mask = torch.tensor([0, 1, 1, 0]).bool()
    >>> args = ("apex", None, 2, {}, BitPlanes(), mask, mask.long(), (1.0,))
    >>> image = np.array([[0.0, 2.0, 2.0, 0.0]])
    >>> intensity(JudgedStructure(*args, image=image))["image_contrast"]
    2.0
    """
    box = judged_box(structure, RING_MM)
    if structure.image is None or box is None:
        return dict.fromkeys(MEANINGS, 0.0)
    image = np.asarray(structure.image[0])
    mean, deviation = image.mean(dtype=np.float64), image.std(dtype=np.float64)
    # A constant image can have a deviation of the size of rounding.
    if not np.isfinite(deviation) or deviation <= 1e-9 * abs(mean):
        return dict.fromkeys(MEANINGS, 0.0)
    near = (image[box.slices].astype(np.float64) - mean) / deviation
    inside = near[box.mask]
    away = distance_to(box.mask, structure.spacing_mm)
    ring = near[~box.mask & (away <= RING_MM * (1.0 + 1e-9))]
    q10, q25, q50, q75, q90 = quantiles(torch.from_numpy(inside), None, _LEVELS)
    named = {
        "image_contrast": inside.mean() - ring.mean() if ring.size else 0.0,
        "image_histogram_entropy": histogram_entropy(inside),
        "image_iqr": q75 - q25,
        "image_q10": q10,
        "image_q50": q50,
        "image_q90": q90,
        **{f"image_{name}": value for name, value in moments(inside).items()},
    }
    return {name: float(value) for name, value in named.items()}
