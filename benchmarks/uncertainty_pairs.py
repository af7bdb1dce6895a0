"""Pairwise Dice of the samples: bit-planes against the nested loop over MONAI's Dice."""

from __future__ import annotations

from collections.abc import Callable
from itertools import combinations
from statistics import median
from typing import Any

import numpy as np
import torch
from monai.metrics import compute_dice
from torch import Tensor
from uncertainty_samples import samples
from uncertainty_time import seconds

from segqc_conformal.uncertainty.bit_planes import BitPlanes, pairwise_dice
from segqc_conformal.uncertainty.layout import Layout
from segqc_conformal.uncertainty.taken_samples import TakenSamples


def pairs_row(count: int, classes: int, spatial: tuple[int, ...], repeats: int) -> dict[str, Any]:
    """Time every way in turn; return medians in ms, ratios and the largest difference."""
    taken = samples(count, classes, spatial)
    masks, planes = one_hot(taken), planes_of(taken, fast=False)
    ways: dict[str, Callable[[], Any]] = {
        "one_hot": lambda: one_hot(taken),
        "monai": lambda: monai_loop(masks),
        "planes": lambda: dice_of_planes(planes),
        "plain": lambda: dice_of_planes(planes_of(taken, fast=False)),
        "fast": lambda: dice_of_planes(planes_of(taken, fast=True)),
    }
    values = {name: way() for name, way in ways.items() if name != "one_hot"}
    times: dict[str, list[float]] = {name: [] for name in ways}
    for _ in range(repeats):
        for name, way in ways.items():
            times[name].append(1000.0 * seconds(way))
    ms = {name: median(found) for name, found in times.items()}
    return {
        "samples": count,
        "classes": classes,
        "spatial": list(spatial),
        "ms": ms,
        # like against like: masks are ready for both, or both begin at the probabilities
        "times_faster": {
            "planes": ms["monai"] / ms["planes"],
            **{name: (ms["one_hot"] + ms["monai"]) / ms[name] for name in ("plain", "fast")},
        },
        "distance": max(float(np.abs(v - values["monai"]).max()) for v in values.values()),
    }


def one_hot(taken: list[Tensor]) -> Tensor:
    """Return the masks the loop starts from: bool, ``(samples, classes, *spatial)``."""
    labels = torch.stack([sample.argmax(dim=0) for sample in taken])
    return torch.stack([labels == label for label in range(len(taken[0]))], dim=1)


def monai_loop(masks: Tensor) -> np.ndarray:
    """Return Dice of each pair of samples, ``(structures, pairs)``, one call for each pair."""
    pairs = combinations(range(len(masks)), 2)
    dice = [
        compute_dice(masks[a : a + 1], masks[b : b + 1], include_background=False)[0]
        for a, b in pairs
    ]
    return torch.stack(dice, dim=1).numpy()


def planes_of(taken: list[Tensor], *, fast: bool) -> list[BitPlanes]:
    """Return the bit-planes of each structure, as the accumulator makes them of each sample."""
    classes, *spatial = taken[0].shape
    labels = tuple(range(1, classes))
    layout = Layout("exclusive", classes, tuple(spatial))
    kept = TakenSamples(layout, labels, frozenset(), torch.device("cpu"), fast=fast)
    for sample in taken:
        kept.take(sample)
    return [kept.planes(label) for label in labels]


def dice_of_planes(planes: list[BitPlanes]) -> np.ndarray:
    """Return Dice of each pair of samples, ``(structures, pairs)``."""
    pairs = np.triu_indices(planes[0].samples, k=1)
    return np.stack([pairwise_dice(one.intersections())[pairs] for one in planes])
