"""What a case's samples leave behind: one number per voxel, or per class and voxel, and bits."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, fields, replace
from math import prod

import torch
from torch import Tensor

from segqc_conformal.uncertainty.layout import Layout

__all__ = ["Buffers", "empty_buffers"]


@dataclass(frozen=True, eq=False)
class Buffers:
    """The buffers of an accumulator, over all voxels or over a run of them; None: not held.

    Parameters
    ----------
    rows : tuple of int
        The row of each structure among the groups' classes; of overlapping regions every region's.
    mean : Tensor, shape ``(groups, classes, voxels)``, optional
        Mean probability.
    spread : Tensor of float32, shape ``(groups, classes, voxels)``, optional
        Sum of squared deviations from the mean.
    logs : Tensor of float64, shape ``(groups, classes, voxels)``, optional
        Sum of log p, p raised to at least 2**-23.
    expected : Tensor of float64, shape ``(groups, voxels)``, optional
        Sum of p log p over samples and classes.
    one_vs_rest : Tensor of float64, shape ``(structures, voxels)``, optional
        Sum of p log p + (1 - p) log(1 - p), p that of the structure.
    evidence : Tensor of float32, shape ``(1, classes, voxels)``, optional
        The one sample of evidence.
    words : tuple of Tensor of uint8, each of shape ``(masks, voxels)``
        The samples' masks, one bit each, 8 samples in a word; one row for each label in turn where
        votes are held.

    Notes
    -----
    Guarantee: none.
    """

    rows: tuple[int, ...]
    mean: Tensor | None = None
    spread: Tensor | None = None
    logs: Tensor | None = None
    expected: Tensor | None = None
    one_vs_rest: Tensor | None = None
    evidence: Tensor | None = None
    words: tuple[Tensor, ...] = ()

    @property
    def held(self) -> frozenset[str]:
        """Names of the buffers that are held; words aside."""
        values = {field.name: getattr(self, field.name) for field in fields(self)}
        return frozenset(name for name, value in values.items() if isinstance(value, Tensor))

    @property
    def widest(self) -> Tensor:
        """The buffer with most values for each voxel."""
        tensors: list[Tensor] = [getattr(self, name) for name in self.held]
        return max([*tensors, *self.words], key=lambda tensor: tensor.shape[:-1].numel())

    def part(self, run: slice) -> Buffers:
        """Return views of a run of voxels."""
        held = {name: getattr(self, name)[..., run] for name in self.held}
        return replace(self, **held, words=tuple(word[..., run] for word in self.words))


def empty_buffers(
    needs: frozenset[str], layout: Layout, labels: Iterable[int], device: torch.device
) -> Buffers:
    """Allocate the buffers that are needed, all zeros.

    Parameters
    ----------
    needs : frozenset of str
        Names of buffers.
    layout : Layout
    labels : iterable of int
        Of the structures, in their order.
    device : torch.device

    Returns
    -------
    Buffers
        Without words.

    Notes
    -----
    Guarantee: none. The mean is float32; float64 where spread or logs are held, because these
    multiply its rounding error (a log of 2**-23 by 16).

    Examples
    --------
    >>> layout = Layout("exclusive", 3, (5,))
    >>> held = empty_buffers(frozenset({"mean"}), layout, [2], torch.device("cpu"))
    >>> held.mean.shape, held.logs
    (torch.Size([1, 3, 5]), None)
    """
    rows = tuple(layout.row(label) for label in (layout.labels if layout.regions else labels))
    by_class = (layout.groups, layout.classes, prod(layout.spatial))
    by_group = (layout.groups, prod(layout.spatial))
    exact = needs & {"spread", "logs"}
    shapes = {
        "mean": (by_class, torch.float64 if exact else torch.float32),
        "spread": (by_class, torch.float32),
        "logs": (by_class, torch.float64),
        "expected": (by_group, torch.float64),
        "one_vs_rest": ((len(rows), prod(layout.spatial)), torch.float64),
        "evidence": (by_class, torch.float32),
    }
    held = {
        name: torch.zeros(shape, dtype=dtype, device=device)
        for name, (shape, dtype) in shapes.items()
        if name in needs
    }
    return Buffers(
        rows,
        mean=held.get("mean"),
        spread=held.get("spread"),
        logs=held.get("logs"),
        expected=held.get("expected"),
        one_vs_rest=held.get("one_vs_rest"),
        evidence=held.get("evidence"),
    )
