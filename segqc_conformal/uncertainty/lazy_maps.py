"""Maps computed when asked for, once, and what one structure sees of them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import torch
from torch import Tensor

from segqc_conformal.uncertainty.buffers import Buffers
from segqc_conformal.uncertainty.maps import MapRule
from segqc_conformal.uncertainty.voxel_runs import voxel_runs

__all__ = ["LazyMaps", "StructureMaps", "computed_map"]


def computed_map(rule: MapRule, buffers: Buffers, samples: int) -> Tensor:
    """Compute one map.

    Parameters
    ----------
    rule : MapRule
    buffers : Buffers
        At least one.
    samples : int
        Number of samples in the buffers, >= 1.

    Returns
    -------
    Tensor of float32, shape ``(rows, voxels)``
        Computed a run of voxels at a time.

    Notes
    -----
    Guarantee: none.

    Examples
    --------
    >>> from segqc_conformal.uncertainty.maps import MAPS
    >>> held = Buffers((1,), mean=torch.tensor([[[0.75, 0.5], [0.25, 0.5]]]))
    >>> computed_map(MAPS["margin"], held, 1).tolist()
    [[0.5, 0.0]]
    """
    widest = buffers.widest
    runs = voxel_runs(widest.shape[-1], widest.shape[:-1].numel(), widest.device)
    values = torch.empty(0)
    for run in runs:
        part = rule.compute(buffers.part(run), samples)
        if run.start == 0:
            shape = (part.shape[0], widest.shape[-1])
            values = torch.empty(shape, dtype=torch.float32, device=widest.device)
        values[:, run] = part + 0.0  # turns -0.0 into 0.0
    return values


class LazyMaps(Mapping[str, Tensor]):
    """All maps of the buffers as they are now, each computed at first access and then kept.

    Parameters
    ----------
    rules : mapping of str to MapRule
    buffers : Buffers
    samples : int

    Notes
    -----
    Guarantee: none. Maps are ``(rows, voxels)`` of float32.
    """

    def __init__(self, rules: Mapping[str, MapRule], buffers: Buffers, samples: int) -> None:
        self.rules = rules
        self._buffers = buffers
        self._samples = samples
        self._computed: dict[str, Tensor] = {}

    def __getitem__(self, name: str) -> Tensor:
        """Return a map, computing it where this is the first access."""
        if name not in self._computed:
            self._computed[name] = computed_map(self.rules[name], self._buffers, self._samples)
        return self._computed[name]

    def __contains__(self, name: object) -> bool:
        """Whether a map could be given, without computing it."""
        return name in self.rules

    def __iter__(self) -> Iterator[str]:
        """Go through the names."""
        return iter(self.rules)

    def __len__(self) -> int:
        """Return the number of maps."""
        return len(self.rules)


class StructureMaps(Mapping[str, Tensor]):
    """What one structure sees: its own row of each map, ``(voxels,)``.

    Parameters
    ----------
    maps : LazyMaps
        Shared by all structures.
    rows : mapping of str to int
        The structure's row of maps that count groups, classes and structures.

    Notes
    -----
    Guarantee: none.
    """

    def __init__(self, maps: LazyMaps, rows: Mapping[str, int]) -> None:
        self._maps = maps
        self._rows = rows

    def __getitem__(self, name: str) -> Tensor:
        """Return the structure's row of a map."""
        return self._maps[name][self._rows[self._maps.rules[name].rows]]

    def __contains__(self, name: object) -> bool:
        """Whether a map could be given, without computing it."""
        return name in self._maps

    def __iter__(self) -> Iterator[str]:
        """Go through the names."""
        return iter(self._maps)

    def __len__(self) -> int:
        """Return the number of maps."""
        return len(self._maps)
