"""Which references lie nearest to a case, by the images alone."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch.nn.functional import interpolate

from segqc_conformal.case import Case
from segqc_conformal.errors import InputError

__all__ = ["Descriptor", "checked_descriptor", "coarse_image", "nearest_first"]

Descriptor = Callable[[Case], Any]
SIDE = 8  # voxels of the coarse image along each axis


def coarse_image(case: Case) -> NDArray[np.float64]:
    """Describe an image by what is left of it on a grid of 8 voxels along each axis.

    Parameters
    ----------
    case : Case
        Its mask is not looked at. Fields of view are laid on each other, whatever their size.

    Returns
    -------
    ndarray of float64, shape (channels * 8 ** axes,)
        Each channel with mean 0 and norm 1 (0 for a flat one): the squared distance of two such
        vectors of one channel is twice 1 - their cosine.

    Notes
    -----
    Guarantee: none. A gain or offset of the image changes nothing.

    Examples
    --------
    >>> image = np.arange(64.0).reshape(8, 8)
    >>> one, other = (coarse_image(Case(each, "c", "p")) for each in (image, 3 * image + 1))
    >>> bool(np.allclose(one, other))
    True
    """
    image = torch.as_tensor(case.channels_first().astype(np.float64))
    axes = len(case.spatial_shape)
    coarse = interpolate(image[None], size=(SIDE,) * axes, mode="area")[0].flatten(1)
    centred = coarse - coarse.mean(dim=1, keepdim=True)
    norm = centred.norm(dim=1, keepdim=True)
    flat = norm <= 1e-9 * (coarse.abs().amax(dim=1, keepdim=True) + 1e-9)
    return np.asarray(torch.where(flat, 0.0, centred / norm.clamp_min(1e-300)).flatten().numpy())


def checked_descriptor(describe: Descriptor, case: Case) -> NDArray[np.float64]:
    """Describe a case, or say which case has no finite description.

    Raises
    ------
    InputError
        Naming the case.
    """
    found = np.asarray(describe(case), dtype=np.float64).ravel()
    if not found.size or not np.isfinite(found).all():
        raise InputError(
            "a descriptor of finite numbers", f"{found.size} numbers, not all finite",
            "correct the function `descriptor`", case.case_id,
        )  # fmt: skip
    return found


def nearest_first(
    described: NDArray[np.float64], others: dict[str, NDArray[np.float64]]
) -> list[tuple[float, str]]:
    """Return (distance, case id), the nearest first; of equal ones the smaller id first.

    Examples
    --------
    >>> nearest_first(np.zeros(1), {"b": np.ones(1), "a": np.ones(1), "c": np.zeros(1)})
    [(0.0, 'c'), (1.0, 'a'), (1.0, 'b')]
    """
    away = [
        (float(np.sqrt(np.square(other - described).sum())), name) for name, other in others.items()
    ]
    return sorted(away)
