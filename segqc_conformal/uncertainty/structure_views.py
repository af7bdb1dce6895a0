"""Each structure of a case as its measures see it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from segqc_conformal.uncertainty.judged_structure import JudgedStructure
from segqc_conformal.uncertainty.lazy_maps import LazyMaps, StructureMaps
from segqc_conformal.uncertainty.taken_samples import TakenSamples

__all__ = ["judged_structures"]


def judged_structures(
    taken: TakenSamples,
    structures: Mapping[str, int],
    labels: Tensor,
    maps: LazyMaps,
    *,
    spacing_mm: tuple[float, ...],
    weights: NDArray[np.float64] | None = None,
    image: NDArray[Any] | None = None,
    region_map: NDArray[np.int64] | None = None,
) -> Iterator[JudgedStructure]:
    """Go through the structures; each sees its own mask, its own samples' masks and its maps.

    Parameters
    ----------
    taken : TakenSamples
    structures : mapping of str to int
    labels : Tensor of int64, shape ``(groups, *spatial)``
        The judged labels.
    maps : LazyMaps
        Shared by the structures, so that each map is computed once.
    spacing_mm : tuple of float
    weights : ndarray of float64, shape ``(elements,)``, optional
    image : ndarray, shape ``(channels, *spatial)``, optional
    region_map : ndarray of int64, shape ``(*spatial)``, optional

    Yields
    ------
    JudgedStructure

    Notes
    -----
    Guarantee: none.

    Examples
    --------
    >>> from segqc_conformal.uncertainty.layout import Layout
    >>> layout = Layout("exclusive", 1, (3,))
    >>> taken = TakenSamples(layout, (1,), frozenset(), torch.device("cpu"), fast=False)
    >>> taken.take(torch.tensor([[0.9, 0.5, 0.1]]))
    >>> maps = LazyMaps({}, taken.buffers, taken.samples)
    >>> views = judged_structures(taken, {"a": 1}, taken.fused(), maps, spacing_mm=(1.0,))
    >>> [(view.name, view.judged.tolist()) for view in views]
    [('a', [True, False, False])]
    """
    layout = taken.layout
    by_element = None if weights is None else torch.from_numpy(weights).to(taken.device)
    for number, (name, label) in enumerate(structures.items()):
        group, wanted = divmod(layout.row(label), layout.classes)
        rows = {"groups": group, "classes": label, "structures": number}
        own = StructureMaps(maps, dict.fromkeys(rows, group) if layout.regions else rows)
        yield JudgedStructure(
            name=name,
            probability=own["mean_probability"] if "mean_probability" in own else None,
            class_count=layout.classes,
            maps=own,
            planes=taken.planes(label),
            judged=labels[group] == wanted,
            labels=labels[group],
            spacing_mm=spacing_mm,
            weights=by_element,
            image=image,
            region_map=region_map,
        )
