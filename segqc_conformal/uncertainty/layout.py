"""How the channels of a sample are laid out inside the accumulator: groups x classes x voxels."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TypeVar

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from segqc_conformal.errors import GeometryError, InputError
from segqc_conformal.sampling.channels import Channels

__all__ = ["Layout"]

Number = TypeVar("Number", bound=np.generic)


@dataclass(frozen=True)
class Layout:
    """What the channels of a case's samples mean, and where a structure is found in them.

    Parameters
    ----------
    channels : {"exclusive", "overlapping", "evidence"}
        One channel is a binary structure whether "exclusive" or "overlapping".
    channel_count : int
        Channels of a sample.
    spatial : tuple of int
        The grid, or one axis of elements.

    Notes
    -----
    Guarantee: none. In a group exactly one of ``classes`` classes holds in each voxel: exclusive
    classes are one group, each overlapping region is a group of two, outside and inside.

    Examples
    --------
    >>> regions = Layout("overlapping", 3, (8, 8))
    >>> regions.groups, regions.classes, regions.labels, regions.row(2)
    (3, 2, (1, 2, 3), 3)
    """

    channels: Channels
    channel_count: int
    spatial: tuple[int, ...]

    @property
    def regions(self) -> bool:
        """Whether there are several overlapping regions, so that masks are stacks of them."""
        return self.channels == "overlapping" and self.channel_count > 1

    @property
    def groups(self) -> int:
        """Number of groups."""
        return self.channel_count if self.regions else 1

    @property
    def classes(self) -> int:
        """Number of classes in each group."""
        return 2 if self.regions else max(2, self.channel_count)

    @property
    def labels(self) -> tuple[int, ...]:
        """Labels that structures can have: all but the background."""
        return tuple(range(1, (self.groups if self.regions else self.classes - 1) + 1))

    def row(self, label: int) -> int:
        """Return the row of the structure with this label among all groups' classes."""
        return 2 * label - 1 if self.regions else label

    def grouped(self, channels: Tensor) -> Tensor:
        """Arrange ``(channels, voxels)`` as ``(groups, classes, voxels)``."""
        if self.channel_count > 1 and not self.regions:
            return channels[None]
        return torch.stack([1.0 - channels, channels], dim=1)

    def shaped(self, values: NDArray[Number], by_group: bool = True) -> NDArray[Number]:
        """Return ``(rows, voxels)`` on the grid: without its first axis if that is the one group.

        Parameters
        ----------
        values : ndarray, shape ``(rows, voxels)``
        by_group : bool
            Whether the rows are groups.
        """
        alone = by_group and not self.regions
        return values.reshape(self.spatial if alone else (-1, *self.spatial))

    def check_shape(self, shape: tuple[int, ...]) -> None:
        """Check that a sample has the shape of the first.

        Raises
        ------
        GeometryError
            If it has not.
        """
        first = (self.channel_count, *self.spatial)
        if shape != first:
            raise GeometryError(
                f"samples of one shape {first}",
                tuple(shape),
                "use one accumulator per case, and members with the same classes",
            )

    def check_structures(self, structures: Mapping[str, int]) -> None:
        """Check that each structure has a channel.

        Raises
        ------
        InputError
            If a label is no channel.
        """
        if max(structures.values()) in self.labels:
            return
        if self.regions:
            raise InputError(
                f"structures with labels up to the number of regions, {self.groups}",
                dict(structures),
                "give each region the number of its channel, the first being 1",
            )
        raise InputError(
            f"structures with labels below the number of classes, {self.classes}",
            dict(structures),
            "give each structure the index of its channel (a one-channel model has label 1)",
        )
