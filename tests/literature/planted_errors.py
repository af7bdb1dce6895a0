"""Volumes of a ball whose masks have errors planted in known places, and samples that doubt them.

Some places are doubted as well and right, and every surface is doubted a little: what is asserted
does not follow from the doubt alone.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

import segqc_conformal as sq
from segqc_conformal.uncertainty.judged_structure import JudgedStructure

__all__ = ["SIDE", "Planted", "planted"]

SIDE, SAMPLES, HALF = 24, 6, 2
MAPS = ("normalised_entropy", "b_map", "b_map_max")


class Planted(NamedTuple):
    """A judged ball, its reference mask, and the maps of its samples."""

    structure: JudgedStructure
    mask: NDArray[np.bool_]
    reference: NDArray[np.bool_]
    maps: dict[str, NDArray[np.float32]]


def planted(seed: int, wrong: int = 4, right: int = 3) -> Planted:
    """Return a volume with so many doubted cubes in which the mask is wrong, and is right."""
    rng = np.random.default_rng(seed)
    grid = np.indices((SIDE,) * 3)
    distance = np.sqrt(((grid - SIDE / 2) ** 2).sum(axis=0))
    ball = distance <= 8.0
    cubes = [_cube(rng, grid) for _ in range(wrong + right)]
    reference = ball.copy()
    for cube in cubes[:wrong]:
        reference[cube] = ~ball[cube]
    uncertainty = sq.UncertaintyAccumulator({"ball": 1}, (1.0,) * 3, maps=MAPS)
    for _ in range(SAMPLES):
        p = 1.0 / (1.0 + np.exp(4.0 * (distance - 8.25 + rng.normal(0.0, 0.1))))
        for place, cube in enumerate(cubes):
            doubt = rng.uniform(0.25, 0.6) if place < wrong else rng.uniform(0.05, 0.3)
            p[cube] = np.where(ball[cube], 1.0 - doubt, doubt)
        uncertainty.update(np.stack([1.0 - p, p]))
    (structure,) = uncertainty.judged_structures(ball.astype(np.int64))
    return Planted(structure, ball, reference, uncertainty.maps(MAPS))


def _cube(rng: np.random.Generator, grid: NDArray[np.int64]) -> NDArray[np.bool_]:
    """Draw a cube of 5 voxels on each side that lies over the surface, or inside or outside."""
    way = rng.normal(size=3)
    centre = SIDE / 2 + way / np.linalg.norm(way) * rng.uniform(5.0, 9.0)
    near = np.abs(grid - centre.round()[:, None, None, None]) <= HALF
    return np.asarray(near.all(axis=0))
