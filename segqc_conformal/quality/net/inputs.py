"""The channels that a quality net sees of a case."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import torch
from torch import Tensor

from segqc_conformal.errors import InputError
from segqc_conformal.quality.net.quality_case import QualityCase
from segqc_conformal.quality.net.structure_masks import structure_masks

__all__ = ["input_channels"]


def input_channels(
    case: QualityCase, inputs: Sequence[str], structures: Mapping[str, int]
) -> dict[str, Tensor]:
    """Return each selected input of a case on the image's own grid.

    Parameters
    ----------
    case : QualityCase
    inputs : sequence of str
        "image" (scaled to mean 0 and standard deviation 1, channel by channel), "mask" (one channel
        of 0 and 1 for each structure), or the name of a map or of hooked features.
    structures : mapping of str to int

    Returns
    -------
    dict of Tensor of float32, shape ``(channels, *spatial)``
        In the order of `inputs`.

    Raises
    ------
    InputError
        If the case lacks an input.

    Notes
    -----
    Guarantee: none.

    Examples
    --------
    >>> case = QualityCase("c", "p", np.array([1.0, 3.0]), np.array([0, 2]))
    >>> input_channels(case, ("image", "mask"), {"a": 1, "b": 2})["mask"].tolist()
    [[0.0, 0.0], [0.0, 1.0]]
    """
    return {name: _channels(case, name, structures) for name in inputs}


def _channels(case: QualityCase, name: str, structures: Mapping[str, int]) -> Tensor:
    if name == "image":
        return _scaled(torch.from_numpy(np.asarray(case.image, dtype=np.float32)))
    if name == "mask" and case.mask is not None:
        return torch.from_numpy(structure_masks(case, structures)).float()
    for held in (case.maps, case.features):
        if name in held:
            return torch.from_numpy(held[name])
    raise InputError(
        f"a case with the input {name!r}",
        f"{['image', *(['mask'] if case.mask is not None else []), *case.maps, *case.features]}",
        "add it to the case, or train a net with other inputs",
        case.case_id,
    )


def _scaled(image: Tensor) -> Tensor:
    axes = tuple(range(1, image.ndim))
    centred = image - image.mean(dim=axes, keepdim=True)
    return centred / centred.square().mean(dim=axes, keepdim=True).sqrt().clamp_min(1e-6)
