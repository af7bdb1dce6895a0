"""A sample as the caller gives it: any array or tensor, made a plain tensor and checked once."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray
from torch import Tensor

from segqc_conformal.errors import GeometryError
from segqc_conformal.sampling.channels import Channels
from segqc_conformal.sampling.evidence_check import check_evidence
from segqc_conformal.sampling.probability_check import check_probabilities

__all__ = ["checked_sample"]


def checked_sample(
    sample: ArrayLike | Tensor, channels: Channels, elements: int | None = None
) -> Tensor:
    """Return a sample as a plain tensor without gradient, channels first.

    Parameters
    ----------
    sample : array or Tensor of any float dtype, shape ``(channels, *spatial)``
        With `elements`, ``(elements, channels)``.
    channels : {"exclusive", "overlapping", "evidence"}
    elements : int, optional
        Number of flat elements; None: a grid.

    Returns
    -------
    Tensor, shape ``(channels, *spatial)``
        Of the sample's own dtype, and its memory where possible.

    Raises
    ------
    InputError
        For NaN, infinity, values outside [0, 1], sums of exclusive classes other than 1, or
        negative evidence.
    GeometryError
        If there are not as many elements as weights.

    Notes
    -----
    Guarantee: none.

    Examples
    --------
    >>> checked_sample([[0.25, 0.75]], "exclusive", elements=1).tolist()
    [[0.25], [0.75]]
    """
    tensor = sample if isinstance(sample, Tensor) else torch.from_numpy(_native(sample))
    tensor = tensor.detach()
    if type(tensor) is not Tensor:
        tensor = tensor.as_subclass(Tensor)
    if elements is not None:
        tensor = _channels_first(tensor, elements)
    if channels == "evidence":
        return check_evidence(tensor)
    return check_probabilities(tensor, exclusive=channels == "exclusive")


def _channels_first(tensor: Tensor, elements: int) -> Tensor:
    if tensor.ndim != 2 or tensor.shape[0] != elements:
        raise GeometryError(
            f"samples of shape (elements, classes) with {elements} elements, one for each weight",
            tuple(tensor.shape),
            "give flat samples where element_weights are given, the elements first",
        )
    return tensor.T


def _native(sample: ArrayLike) -> NDArray[Any]:
    # torch reads neither foreign byte orders nor read-only or negatively strided memory.
    array = np.asarray(sample)
    array = array.astype(array.dtype.newbyteorder("="), copy=False)
    return np.array(array, copy=not array.flags.writeable or None, order="C")
