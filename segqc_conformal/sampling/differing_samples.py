"""Samples of which at least two must differ: else the sampler does not reach the output."""

from __future__ import annotations

from collections.abc import Iterator

import torch
from torch import Tensor

from segqc_conformal.errors import SamplingError

__all__ = ["differing_samples"]


def differing_samples(
    samples: Iterator[Tensor], remedy: str, case_id: str | None = None
) -> Iterator[Tensor]:
    """Pass samples on, and refuse them at the end if they were all the same.

    Parameters
    ----------
    samples : iterator of Tensor, each ``(classes, *spatial)``
    remedy : str
        What the caller can do if they are identical.
    case_id : str, optional
        Named in the error.

    Yields
    ------
    Tensor

    Raises
    ------
    SamplingError
        After the last sample, if all were identical.

    Examples
    --------
    >>> [sample.item() for sample in differing_samples(iter(torch.arange(2)), "none")]
    [0, 1]
    """
    first: Tensor | None = None
    number, differ = 0, False
    for sample in samples:
        if first is None:
            first = sample.clone()
        differ = differ or not torch.equal(first, sample)
        number += 1
        yield sample
    if not differ:
        raise SamplingError("samples that differ", f"{number} identical samples", remedy, case_id)
