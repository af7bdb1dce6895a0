"""Images as plain tensors, whatever they came as."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from numpy.typing import ArrayLike
from torch import Tensor

from segqc_conformal.errors import InputError

__all__ = ["image_tensor", "plain_tensor"]


def image_tensor(image: ArrayLike | Tensor, device: torch.device | None = None) -> Tensor:
    """Return an image as a float32 tensor of its own, without gradient history.

    Parameters
    ----------
    image : array or Tensor of any number type, shape ``(channels, *spatial)``
    device : torch.device, optional
        Where it shall lie; None: where it is, the CPU for an array.

    Raises
    ------
    InputError
        If the channels axis is missing.

    Examples
    --------
    >>> image_tensor(np.array([[1, 2]], ">u2")[:, ::-1]).tolist()
    [[2.0, 1.0]]
    """
    if isinstance(image, Tensor):
        # Preprocessing may write to it: the next sample needs the image as it was.
        image = plain_tensor(image, "image").detach().clone()
    else:
        # numpy converts what torch cannot read: big-endian, uint16, negative strides.
        image = torch.from_numpy(np.array(image, dtype=np.float32, order="C"))
    if image.ndim < 2:
        raise InputError(
            "an image of shape (channels, *spatial)",
            tuple(image.shape),
            "add the channels axis: image[None]",
        )
    return image.to(device or image.device, torch.float32)


def plain_tensor(value: Any, source: str) -> Tensor:
    """Return a tensor without the state its subclass carries (MONAI's MetaTensor).

    Raises
    ------
    InputError
        If `value` is no tensor; `source` is named as where it came from.

    Examples
    --------
    >>> plain_tensor(torch.ones(2), "model").tolist()
    [1.0, 1.0]
    """
    if not isinstance(value, Tensor):
        raise InputError(
            f"a tensor from {source}", type(value).__name__, f"return a torch.Tensor from {source}"
        )
    return value.as_subclass(Tensor) if type(value) is not Tensor else value
