"""Small volumes of a ball that slipped away from its mask, and goes on in slices without mask."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from segqc_conformal.quality.net import QualityCase, QualityNet, SliceHead

__all__ = ["SIDE", "slice_net", "volumes"]

SIDE = 16


def slice_net(head: SliceHead, **settings: Any) -> QualityNet:
    """Settings of a net that learns slices of such volumes in seconds."""
    given = {"inputs": ("image", "mask"), "heads": (head,), "dimensions": 2, "grid": (SIDE, SIDE)}
    fast = {"channels": (6, 12), "epochs": 8, "batch_size": 64, "learning_rate": 1e-2}
    return QualityNet(**({"structures": {"ball": 1}} | given | fast | settings))


def volumes(number: int, seed: int, shuffled: bool = False) -> list[QualityCase]:
    """Return one volume for each patient; shuffled: each with the image of another one."""
    rng, cases = np.random.default_rng(seed), []
    for place in range(number):
        centre, radius = rng.uniform(6.0, 9.0, 3), rng.uniform(3.5, 5.5)
        grid = np.indices((SIDE,) * 3)
        ball = ((grid - centre[:, None, None, None]) ** 2).sum(axis=0) <= radius**2
        slip = int(rng.integers(0, 6) * rng.choice([-1, 1]))
        truth = np.roll(ball, slip, axis=int(rng.integers(2)))
        longer = range(int(rng.integers(0, 5)))
        truth = np.any([truth, *(np.roll(truth, step + 1, axis=2) for step in longer)], axis=0)
        image = truth + rng.normal(0.0, 0.2, ball.shape)
        name = f"{seed}-{place}"
        labels = {"mask": ball.astype(int), "reference": truth.astype(int)}
        cases.append(QualityCase(f"c{name}", f"p{name}", image, **labels))
    if not shuffled:
        return cases
    order = np.random.default_rng(seed).permutation(number)
    return [
        replace(case, image=cases[other].image, spacing_mm=(1.0,) * 3)
        for case, other in zip(cases, order, strict=True)
    ]
