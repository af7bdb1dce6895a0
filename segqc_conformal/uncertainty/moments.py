"""The streaming update of the buffers by one sample."""

from __future__ import annotations

import torch
from torch import Tensor

from segqc_conformal.uncertainty.buffers import Buffers

__all__ = ["LOG_FLOOR", "add_one_vs_rest", "add_sample"]

LOG_FLOOR = -23.0 * 0.6931471805599453  # log(2**-23): one step of float32 below 1
_SMALLEST = torch.finfo(torch.float32).tiny  # its log is finite, so that 0 log 0 = 0


def add_sample(buffers: Buffers, sample: Tensor, count: int) -> None:
    """Take one more sample into all buffers but the words, in place.

    Parameters
    ----------
    buffers : Buffers
    sample : Tensor of float32, shape ``(groups, classes, voxels)``, in [0, 1] or evidence
    count : int
        Samples taken before this one.

    Notes
    -----
    Guarantee: identical samples leave the mean exactly theirs and the spread exactly 0.
    Source of the moments: Welford, Technometrics 4 (1962) 419-420.

    Examples
    --------
    >>> held = Buffers((1,), mean=torch.zeros(1, 2, 1), spread=torch.zeros(1, 2, 1))
    >>> add_sample(held, torch.tensor([[[0.75], [0.25]]]), 0)
    >>> add_sample(held, torch.tensor([[[0.25], [0.75]]]), 1)
    >>> held.mean.flatten().tolist(), held.spread.flatten().tolist()
    ([0.5, 0.5], [0.125, 0.125])
    """
    if buffers.evidence is not None:
        buffers.evidence.copy_(sample)
    if buffers.mean is not None:
        deviation = sample - buffers.mean
        if buffers.spread is not None:
            small = deviation.float()
            buffers.spread.addcmul_(small, small, value=count / (count + 1))
        buffers.mean.add_(deviation, alpha=1 / (count + 1))
    if buffers.logs is not None:
        # Multiplied by a mean of up to 1, a float32 log of 2**-23 would be off by 1e-6.
        log = sample.double().clamp_min_(_SMALLEST).log_()
        if buffers.expected is not None:
            buffers.expected.add_((sample * log).sum(dim=1))
        buffers.logs.add_(log.clamp_min_(LOG_FLOOR))
    elif buffers.expected is not None:
        buffers.expected.add_(_p_log_p(sample).sum(dim=1))
    if buffers.one_vs_rest is not None:
        add_one_vs_rest(buffers.one_vs_rest, sample.flatten(0, 1), buffers.rows)


def add_one_vs_rest(one_vs_rest: Tensor, classes: Tensor, rows: tuple[int, ...]) -> None:
    """Add each structure's p log p + (1 - p) log(1 - p), in place.

    Parameters
    ----------
    one_vs_rest : Tensor of float64, shape ``(structures, voxels)``
    classes : Tensor of float32, shape ``(classes, voxels)``, in [0, 1]
    rows : tuple of int
        The class of each structure.

    Notes
    -----
    Guarantee: none.

    Examples
    --------
    >>> total = torch.zeros(1, 1, dtype=torch.float64)
    >>> add_one_vs_rest(total, torch.tensor([[0.25], [0.5], [0.25]]), (1,))
    >>> round(total.item(), 4)
    -0.6931
    """
    for total, row in zip(one_vs_rest, rows, strict=True):
        p = classes[row]
        total.add_(_p_log_p(p)).add_(_p_log_p(1.0 - p))


def _p_log_p(p: Tensor) -> Tensor:
    return p.clamp_min(_SMALLEST).log_().mul_(p)
