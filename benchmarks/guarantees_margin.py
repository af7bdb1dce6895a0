"""Mask margins in mm: whether the reference lies between the shrunk and the grown mask."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

import numpy as np
from guarantees_check import Cell, Rate, Run
from numpy.typing import NDArray

from segqc_conformal.calibrators import MaskMargin
from segqc_conformal.calibrators.masks.depth import distance_to

ALPHA = 0.1
SPACING = (0.7, 0.5)
NEW_MASKS = 10


def _disc(radius: float, centre: Any = (10.0, 10.0)) -> NDArray[np.bool_]:
    y, x = np.indices((20, 20))
    far = np.hypot((y - centre[0]) * SPACING[0], (x - centre[1]) * SPACING[1])
    return np.asarray(far <= radius)


def _masks(n: int, rng: np.random.Generator) -> list[tuple[NDArray[np.bool_], NDArray[np.bool_]]]:
    """Mask and reference: hard patients are small, and their mask lies further off."""
    cases = []
    for hard in rng.random(n) < 0.3:
        radius, off = (1.2, 1.5) if hard else (3.5, 0.5)
        reference = _disc(max(radius + rng.normal(0, 0.3), 0.6), 10 + rng.normal(0, off, 2))
        cases.append((_disc(radius), reference))
    return cases


def enclosed(run: Run) -> Iterator[Cell]:
    """Share of new patients whose reference lies between the shrunk and the grown mask."""
    ours, twin = np.empty(run.draws), np.empty(run.draws)
    for i in range(run.draws):
        masks, references = zip(*_masks(run.n, run.rng), strict=True)
        found = MaskMargin("disc").calibrate(masks, references, [SPACING] * run.n)
        voxels = [distance_to(m, SPACING)[r] for m, r in zip(masks, references, strict=True)]
        pooled = np.sort(np.concatenate(voxels))
        reach = pooled[math.ceil((1 - ALPHA) * (pooled.size + 1)) - 1]
        new = _masks(NEW_MASKS, run.rng)
        lie_between = (
            (found.inner(m, SPACING) <= r).all() and (r <= found.outer(m, SPACING)).all()
            for m, r in new
        )
        ours[i] = np.mean(list(lie_between))
        twin[i] = np.mean([(distance_to(m, SPACING)[r] <= reach).all() for m, r in new])
    yield Cell(
        "mask margin: reference enclosed",
        "hard patients are small",
        run.n,
        1 - ALPHA,
        "below",
        Rate.of(ours),
        "voxels pooled as patients",
        Rate.of(twin),
    )
