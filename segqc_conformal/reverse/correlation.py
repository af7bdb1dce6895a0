"""How alike two images are: normalised cross-correlation, of the whole image or in windows."""

from __future__ import annotations

from collections.abc import Sequence

from torch import Tensor

from segqc_conformal.reverse.separable import along_axes

__all__ = ["local_correlation", "whole_correlation"]

FLAT = 1e-2  # variance, as a share of the image's own, at which a window says nothing


def whole_correlation(first: Tensor, second: Tensor, weight: Tensor) -> Tensor:
    """Return the weighted correlation of images ``(batch, channels, *grid)``, ``(batch,)``.

    The mean over channels; 0 where an image is flat. `weight` is ``(batch, 1, *grid)``.
    """
    axes = tuple(range(2, first.ndim))
    share = weight / weight.sum(dim=axes, keepdim=True)
    a, b = (one - (share * one).sum(dim=axes, keepdim=True) for one in (first, second))
    squares = (share * a * a).sum(dim=axes) * (share * b * b).sum(dim=axes)
    found: Tensor = (share * a * b).sum(dim=axes) / (squares + 1e-12).sqrt()
    return found.mean(dim=1)


def local_correlation(
    first: Tensor, second: Tensor, weight: Tensor, windows: Sequence[Tensor]
) -> Tensor:
    """Return the mean squared correlation in windows, in [0, 1), ``(batch,)``.

    Images are expected with variance 1. A gain that changes over the image, or a contrast that
    turns round, does not matter. `windows` has one matrix ``(windows, voxels)`` for each axis.
    """
    size = along_axes(weight, windows).clamp_min(1e-6)

    def mean(values: Tensor) -> Tensor:
        return along_axes(weight * values, windows) / size

    a, b = mean(first), mean(second)
    both = mean(first * second) - a * b
    squares = (mean(first**2) - a**2).clamp_min(0.0) * (mean(second**2) - b**2).clamp_min(0.0)
    found = both**2 / (squares + FLAT**2)
    axes = tuple(range(2, first.ndim))
    whole: Tensor = (size * found).sum(dim=axes) / size.sum(dim=axes)
    return whole.mean(dim=1)
