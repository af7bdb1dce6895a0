"""The judged mask as the caller gives it: a label map, or a stack of overlapping regions."""

from __future__ import annotations

import torch
from numpy.typing import ArrayLike
from torch import Tensor

from segqc_conformal.errors import GeometryError, InputError
from segqc_conformal.uncertainty.label_map import as_label_map
from segqc_conformal.uncertainty.layout import Layout

__all__ = ["judged_labels"]


def judged_labels(mask: ArrayLike | Tensor, layout: Layout, device: torch.device) -> Tensor:
    """Return a judged mask as labels of each group.

    Parameters
    ----------
    mask : array or Tensor of int
        A label map ``(*spatial)``; of several overlapping regions a stack ``(regions, *spatial)``
        of 0 and 1.
    layout : Layout
    device : torch.device

    Returns
    -------
    Tensor of int64, shape ``(groups, *spatial)``

    Raises
    ------
    InputError
        If the mask holds no integers, or a stack other values than 0 and 1.
    GeometryError
        If the mask is not on the samples' grid.

    Notes
    -----
    Guarantee: none.

    Examples
    --------
    >>> judged_labels([0, 2], Layout("exclusive", 3, (2,)), torch.device("cpu")).tolist()
    [[0, 2]]
    """
    labels = as_label_map(mask, device)
    expected = (layout.groups, *layout.spatial) if layout.regions else layout.spatial
    if labels.shape != expected:
        raise GeometryError(
            f"a judged mask of shape {tuple(expected)}",
            tuple(labels.shape),
            "give one mask of 0 and 1 for each region, in the channels' order"
            if layout.regions
            else "give the label map on the image's grid",
        )
    if layout.regions and not bool(((labels == 0) | (labels == 1)).all()):
        raise InputError(
            "masks of 0 and 1, one for each region",
            f"values from {int(labels.min())} to {int(labels.max())}",
            "stack the regions' masks; a label map cannot hold regions that overlap",
        )
    return labels.reshape(layout.groups, *layout.spatial)
