"""First-order statistics of the image in and around the judged mask."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from segqc_conformal.measures.distance import distance_to
from segqc_conformal.measures.mask_box import mask_box
from segqc_conformal.uncertainty.judged_structure import JudgedStructure

__all__ = ["BINS", "MEANINGS", "RING_MM", "histogram_entropy", "intensity", "moments"]

RING_MM = 5.0
BINS = 32

_UNIT = "of the image (z-scored) in the judged mask"
MEANINGS = {
    "image_contrast": f"mean in the judged mask less that in a {RING_MM:g} mm ring around it",
    "image_entropy": f"entropy of the histogram ({BINS} bins) {_UNIT}, nats",
    "image_iqr": f"distance of the quartiles {_UNIT}",
    "image_kurtosis": f"excess kurtosis {_UNIT}",
    "image_mean": f"mean {_UNIT}",
    "image_median": f"median {_UNIT}",
    "image_q10": f"0.1-quantile {_UNIT}",
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
    >>> import torch
    >>> from segqc_conformal.uncertainty.bit_planes import BitPlanes
    >>> mask = torch.tensor([0, 1, 1, 0]).bool()
    >>> args = ("apex", None, 2, {}, BitPlanes(), mask, mask.long(), (1.0,))
    >>> image = np.array([[0.0, 2.0, 2.0, 0.0]])
    >>> intensity(JudgedStructure(*args, image=image))["image_contrast"]
    2.0
    """
    box = mask_box(structure.judged.cpu().numpy(), RING_MM, structure.spacing_mm)
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
    q10, q25, q50, q75, q90 = np.quantile(inside, [0.1, 0.25, 0.5, 0.75, 0.9])
    named = {
        "image_contrast": inside.mean() - ring.mean() if ring.size else 0.0,
        "image_entropy": histogram_entropy(inside),
        "image_iqr": q75 - q25,
        "image_median": q50,
        "image_q10": q10,
        "image_q90": q90,
        **{f"image_{name}": value for name, value in moments(inside).items()},
    }
    return {name: float(value) for name, value in named.items()}


def moments(values: NDArray[np.float64]) -> dict[str, float]:
    """Mean, std, skewness and excess kurtosis (population forms) of at least one value.

    Skewness and kurtosis are 0 where all values are equal.

    Examples
    --------
    >>> moments(np.array([0.0, 0.0, 0.0, 4.0]))["skewness"].__round__(4)
    1.1547
    """
    mean = values.mean()
    apart = values - mean
    variance = np.square(apart).mean()
    spread = bool(variance > 1e-24 * max(1.0, float(mean) ** 2))
    return {
        "mean": float(mean),
        "std": float(np.sqrt(variance)),
        "skewness": float((apart**3).mean() / variance**1.5) if spread else 0.0,
        "kurtosis": float((apart**4).mean() / variance**2 - 3.0) if spread else 0.0,
    }


def histogram_entropy(values: NDArray[np.float64]) -> float:
    """Entropy, in nats, of the histogram of values in `BINS` bins from smallest to largest.

    Examples
    --------
    >>> round(histogram_entropy(np.array([0.0, 1.0])), 4)
    0.6931
    """
    low, high = values.min(), values.max()
    if not high > low:
        return 0.0
    bins = np.minimum(((values - low) * (BINS / (high - low))).astype(np.int64), BINS - 1)
    share = np.bincount(bins) / values.size
    share = share[share > 0]
    return float(-(share * np.log(share)).sum())
