"""Batches of items in a random order, flipped at random, the same for a seed and an epoch."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import torch
from torch import Tensor

from segqc_conformal.patients import stable_hash
from segqc_conformal.quality.net.prepared import Prepared

__all__ = ["Batch", "batches", "in_order"]


class Batch(NamedTuple):
    """Inputs ``(items, channels, *grid)`` and targets ``(items, ...)`` by head."""

    inputs: Tensor
    targets: dict[str, Tensor]


def in_order(cases: Sequence[Prepared], size: int, device: torch.device) -> Iterator[Batch]:
    """Yield all items, case by case."""
    items = [(case, item) for case in cases for item in range(len(case.inputs))]
    for start in range(0, len(items), size):
        yield _batch(items[start : start + size], device)


def batches(
    cases: Sequence[Prepared], size: int, device: torch.device, seed: int, epoch: int, flips: bool
) -> Iterator[Batch]:
    """Yield all items in the order of an epoch; `flips`: mirrored along each axis at random.

    Notes
    -----
    Guarantee: order and flips depend on seed and epoch alone, so that a run that was killed goes on
    as if it had not been.
    """
    random = torch.Generator().manual_seed(stable_hash(seed, f"epoch {epoch}") >> 1)
    items = [(case, item) for case in cases for item in range(len(case.inputs))]
    order = torch.randperm(len(items), generator=random).tolist()
    for start in range(0, len(order), size):
        batch = _batch([items[place] for place in order[start : start + size]], device)
        axes = range(2, batch.inputs.ndim)
        mirrored = [axis for axis in axes if torch.rand((), generator=random) < 0.5]
        yield _flipped(batch, mirrored) if flips and mirrored else batch


def _batch(items: Sequence[tuple[Prepared, int]], device: torch.device) -> Batch:
    inputs = torch.stack([case.inputs[item] for case, item in items])
    kinds = items[0][0].targets
    targets = {
        kind: torch.stack([case.targets[kind][item] for case, item in items]).to(device)
        for kind in kinds
    }
    return Batch(inputs.to(device).float(), targets)


def _flipped(batch: Batch, axes: list[int]) -> Batch:
    on_grid = batch.inputs.ndim  # a target with as many axes is a map, and is mirrored as well
    targets = {
        kind: target.flip(axes) if target.ndim == on_grid else target
        for kind, target in batch.targets.items()
    }
    return Batch(batch.inputs.flip(axes), targets)
