"""Images of a bright ball, and masks of it that are wrong in a known way."""

from __future__ import annotations

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.ndimage import binary_dilation, binary_erosion

import segqc_conformal as sq

__all__ = ["METHODS", "cases"]

SIDE = 24
SCHEMA = sq.FeatureSchema("full")
RADIOMICS = (
    *("image_mean", "image_std", "image_q10", "image_q50", "image_iqr"),
    *("sphericity", "solidity", "equivalent_diameter_mm"),
)


def _slip(ball: NDArray[np.bool_], steps: int, rng: np.random.Generator) -> NDArray[np.bool_]:
    return np.roll(ball, steps, axis=int(rng.integers(2)))


def _grow(ball: NDArray[np.bool_], steps: int, rng: np.random.Generator) -> NDArray[np.bool_]:
    return binary_dilation(ball, iterations=steps) if steps else ball


def _bite(ball: NDArray[np.bool_], steps: int, rng: np.random.Generator) -> NDArray[np.bool_]:
    """Shrink, and slip by as much: a mask that shrank alone has the ball's own intensities."""
    return _slip(binary_erosion(ball, iterations=max(1, steps // 3)), steps, rng)


METHODS = {"slips": _slip, "grows": _grow, "bites": _bite}


def cases(number: int, seed: int, methods: tuple[str, ...] = ("slips",)) -> pd.DataFrame:
    """Return one row for each patient and method: radiomics of the image in the mask, and Dice."""
    rng, rows = np.random.default_rng(seed), []
    for patient in range(number):
        radius, grid = rng.uniform(5, 7), np.indices((SIDE, SIDE))
        ball = ((grid - SIDE / 2) ** 2).sum(axis=0) <= radius**2
        image = (100.0 * ball + rng.normal(0.0, 25.0, ball.shape)).astype(np.float32)
        for method in methods:
            mask = METHODS[method](ball, int(rng.integers(0, 7)), rng)
            found = _features(image, mask)
            dice = 2.0 * (mask & ball).sum() / (mask.sum() + ball.sum())
            rows.append((f"p{patient:03d}", method, "ball", dice, *found))
    columns = ["patient_id", "method", "structure", "dice"]
    return pd.DataFrame(rows, columns=[*columns, *(f"feature_{name}" for name in RADIOMICS)])


def _features(image: NDArray[np.float32], mask: NDArray[np.bool_]) -> list[float]:
    accumulator = sq.UncertaintyAccumulator({"ball": 1}, schema=SCHEMA)
    probability = mask.astype(np.float32)
    accumulator.update(np.stack([1.0 - probability, probability]))
    found = accumulator.features(mask.astype(np.int64), image=image[None])["ball"]
    return [found[name] for name in RADIOMICS]
