"""Uncertainty maps made of the classes' variances, those of samples or of a distribution."""

from __future__ import annotations

from collections.abc import Callable

from torch import Tensor

from segqc_conformal.uncertainty.buffers import Buffers

__all__ = ["sample_variances", "spread_maps"]


def sample_variances(buffers: Buffers, samples: int) -> Tensor:
    """Return the variance of each class over the samples, divided by their number.

    Examples
    --------
    >>> import torch
    >>> sample_variances(Buffers((), spread=torch.tensor([[[0.5]]])), 2).item()
    0.25
    """
    assert buffers.spread is not None
    return buffers.spread.double() / samples


def spread_maps(
    variances: Callable[[Buffers, int], Tensor],
) -> dict[str, Callable[[Buffers, int], Tensor]]:
    """Return the maps that are made of the classes' variances.

    Parameters
    ----------
    variances : callable
        Buffers and number of samples -> ``(groups, classes, voxels)``.

    Returns
    -------
    dict of callable
        ``variance`` and ``standard_deviation`` (mean over the classes), ``b_map`` and
        ``b_map_max`` (mean and maximum over the classes of twice the standard deviation, cut off
        at 1).

    Notes
    -----
    Guarantee: none. Source: Sander et al., Sci. Rep. 10 (2020) 21769 (b-maps); Ghoshal et al.,
    Comput. Intell. 37 (2021) 701-734 (mean standard deviation).

    Examples
    --------
    >>> import torch
    >>> maps = spread_maps(lambda buffers, samples: torch.tensor([[[0.04], [0.16]]]))
    >>> round(maps["b_map"](Buffers(()), 2).item(), 4)
    0.6
    """

    def deviations(buffers: Buffers, samples: int) -> Tensor:
        return variances(buffers, samples).sqrt()

    return {
        "variance": lambda b, s: variances(b, s).mean(dim=1),
        "standard_deviation": lambda b, s: deviations(b, s).mean(dim=1),
        "b_map": lambda b, s: (2.0 * deviations(b, s)).mean(dim=1).clamp_max(1.0),
        "b_map_max": lambda b, s: (2.0 * deviations(b, s)).amax(dim=1).clamp_max(1.0),
    }
