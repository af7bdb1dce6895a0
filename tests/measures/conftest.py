"""Random cases with known samples, for tests against brute force in float64."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from math import log

import numpy as np
import pytest
import torch
from scipy import ndimage

from segqc_conformal.measures.map_means import MAP_NAMES
from segqc_conformal.uncertainty.bit_planes import BitPlanes
from segqc_conformal.uncertainty.judged_structure import JudgedStructure

SPACINGS = (1.0, 0.7, 2.5, 1.3)
KINDS = ("blob", "noise", "empty", "full", "one voxel", "corner")


@dataclass(frozen=True)
class DrawnCase:
    """A structure and, as plain float64 arrays, what it was made of."""

    structure: JudgedStructure
    p: np.ndarray  # (*spatial)
    masks: np.ndarray  # (samples, *spatial)
    judged: np.ndarray
    maps: dict[str, np.ndarray]
    spacing: tuple[float, ...]


def judged_mask(kind: str, shape: tuple[int, ...], rng: np.random.Generator) -> np.ndarray:
    if kind == "blob":
        smooth = ndimage.gaussian_filter(rng.normal(size=shape), 1.2)
        return smooth > np.quantile(smooth, 0.7)
    if kind == "noise":
        mask = rng.random(shape) < 0.3
        mask.reshape(-1)[[0, -1]] = True  # never empty, and at the border
        return mask
    mask = np.full(shape, kind == "full")
    if kind == "one voxel":
        mask[tuple(length // 2 for length in shape)] = True
    if kind == "corner":
        mask[tuple(slice(0, max(1, length // 2)) for length in shape)] = True
    return mask


def entropy(p: np.ndarray, axis: int) -> np.ndarray:
    return -(p * np.log(p, out=np.zeros_like(p), where=p > 0)).sum(axis) + 0.0


def draw_case(
    seed: int,
    shape: tuple[int, ...],
    kind: str = "blob",
    samples: int = 4,
    weights: np.ndarray | None = None,
    image: np.ndarray | None = None,
    region_map: np.ndarray | None = None,
    pad: int = 0,
) -> DrawnCase:
    """Draw a case of 3 classes; `pad` voxels of certain background lie around it."""
    rng = np.random.default_rng(seed)
    judged = judged_mask(kind, shape, rng)
    other = (rng.random(shape) < 0.3) & ~judged
    logits = rng.normal(size=(samples, 3, *shape)) * 1.5
    logits[:, 1] += 2.5 * judged
    logits[:, 0] += 1.5 * ~judged
    probabilities = np.exp(logits)
    probabilities = (probabilities / probabilities.sum(1, keepdims=True)).astype(np.float32)
    spacing = SPACINGS[: len(shape)]
    labels = judged + 2 * other
    around = [(pad, pad)] * len(shape)
    judged, labels = np.pad(judged, around), np.pad(labels, around)
    probabilities = np.pad(probabilities, [(0, 0), (0, 0), *around])
    probabilities[:, 0] = np.where(np.pad(np.ones(shape), around) > 0, probabilities[:, 0], 1.0)
    exact = probabilities.astype(np.float64)
    mean, expected = exact.mean(0), entropy(exact, 1).mean(0)
    predictive = entropy(mean, 0)
    # float32 as the accumulator gives them, so that brute force starts from the same values.
    maps = {
        "predictive_entropy": predictive.astype(np.float32),
        "expected_entropy": expected.astype(np.float32),
        "mutual_information": np.maximum(predictive - expected, 0.0).astype(np.float32),
        "epkl": exact.var(0).sum(0).astype(np.float32),
        "confidence": mean.max(0).astype(np.float32),
    }
    for name in MAP_NAMES:
        if name not in maps:  # their values matter to no measure but their mean
            drawn = rng.random(shape).astype(np.float32)
            maps[name] = np.pad(drawn, around)
    p = mean[1].astype(np.float32)
    planes, masks = BitPlanes(), exact.argmax(1) == 1
    for mask in masks:
        planes.add(torch.from_numpy(mask))
    structure = JudgedStructure(
        name="a",
        probability=torch.from_numpy(p).reshape(-1),
        class_count=3,
        maps={name: torch.from_numpy(values).reshape(-1) for name, values in maps.items()},
        planes=planes,
        judged=torch.from_numpy(judged),
        labels=torch.from_numpy(labels),
        spacing_mm=spacing,
        weights=None if weights is None else torch.from_numpy(weights),
        image=image,
        region_map=region_map,
    )
    doubles = {name: values.astype(np.float64) for name, values in maps.items()}
    return DrawnCase(structure, p.astype(np.float64), masks, judged, doubles, spacing)


@pytest.fixture(scope="session")
def draw() -> Callable[..., DrawnCase]:
    return draw_case


@pytest.fixture(scope="session")
def log_classes() -> float:
    return log(3.0)
