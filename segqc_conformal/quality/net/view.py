"""The view of a case that a net sees: from the image's grid to the net's, and back."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn.functional import interpolate, pad

__all__ = ["View", "view_of"]

_LINEAR = {1: "linear", 2: "bilinear", 3: "trilinear"}


@dataclass(frozen=True)
class View:
    """A box of the image's grid, laid into the middle of the net's grid.

    Parameters
    ----------
    spatial : tuple of int
        Shape of the image's grid.
    box : tuple of (start, stop)
        The part that is seen, in voxels.
    grid : tuple of int
        The net's grid. An axis of the box that is longer is averaged down to it; a shorter one
        stands in the middle, with zeros around it.

    Notes
    -----
    Guarantee: where no axis is longer than the grid, `from_grid` undoes `to_grid` exactly inside
    the box.

    Examples
    --------
    >>> view = View((3,), ((1, 3),), (4,))
    >>> view.to_grid(torch.tensor([[1.0, 2.0, 3.0]])).tolist()
    [[0.0, 2.0, 3.0, 0.0]]
    >>> view.from_grid(torch.tensor([[9.0, 2.0, 3.0, 9.0]])).tolist()
    [[0.0, 2.0, 3.0]]
    """

    spatial: tuple[int, ...]
    box: tuple[tuple[int, int], ...]
    grid: tuple[int, ...]

    @property
    def _lengths(self) -> list[int]:
        return [stop - start for start, stop in self.box]

    @property
    def _sizes(self) -> list[int]:
        return [min(pair) for pair in zip(self._lengths, self.grid, strict=True)]

    @property
    def _box(self) -> Any:
        return (..., *(slice(*ends) for ends in self.box))

    @property
    def _parts(self) -> list[Any]:
        starts = [(full - n) // 2 for n, full in zip(self._sizes, self.grid, strict=True)]
        return [slice(a, a + n) for a, n in zip(starts, self._sizes, strict=True)]

    def to_grid(self, values: Tensor) -> Tensor:
        """Bring ``(rows, *spatial)`` to ``(rows, *grid)``."""
        seen = values[self._box]
        if self._sizes != self._lengths:
            seen = interpolate(seen[None].float(), self._sizes, mode="area")[0]
        padding: list[int] = []
        for part, full in zip(self._parts[::-1], self.grid[::-1], strict=True):
            padding += [part.start, full - part.stop]
        return pad(seen, padding)

    def from_grid(self, values: Tensor) -> Tensor:
        """Bring ``(rows, *grid)`` to ``(rows, *spatial)``; 0 outside the box."""
        seen = values[(..., *self._parts)]
        if self._sizes != self._lengths:
            seen = interpolate(seen[None].float(), self._lengths, mode=_LINEAR[len(self.grid)])[0]
        full = torch.zeros((len(values), *self.spatial), dtype=seen.dtype)
        full[self._box] = seen
        return full


def view_of(
    spatial: tuple[int, ...],
    grid: tuple[int, ...],
    mask: NDArray[Any] | None = None,
    margin_mm: float | None = None,
    spacing_mm: tuple[float, ...] = (),
    whole_axis: int | None = None,
) -> View:
    """Return the view of a whole image, or of a mask's box and a margin around it.

    Parameters
    ----------
    spatial, grid : tuple of int
    mask : ndarray, shape ``(*spatial)`` or ``(regions, *spatial)``, optional
        Labels; where it is empty, the whole image is seen.
    margin_mm : float, optional
        None: the whole image.
    spacing_mm : tuple of float
    whole_axis : int, optional
        An axis along which everything is seen.

    Examples
    --------
    >>> view_of((9,), (4,), np.array([0, 0, 0, 1, 1, 0, 0, 0, 0]), 2.0, (1.0,)).box
    ((1, 7),)
    """
    whole = tuple((0, n) for n in spatial)
    if margin_mm is None or mask is None or not mask.any():
        return View(spatial, whole, grid)
    places = np.nonzero(mask)[-len(spatial) :]
    box = []
    for axis, (place, n, step) in enumerate(zip(places, spatial, spacing_mm, strict=True)):
        margin = n if axis == whole_axis else int(np.ceil(margin_mm / step))
        box.append((max(0, int(place.min()) - margin), min(n, int(place.max()) + 1 + margin)))
    return View(spatial, tuple(box), grid)
