"""Saved probabilities: are there several, do they differ, and were they made once."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from math import e
from typing import TYPE_CHECKING

from segqc_conformal.doctor.finding import Complaint

if TYPE_CHECKING:
    from torch import Tensor

__all__ = ["equal_samples", "softmax_twice", "too_few_classes"]


def too_few_classes(classes: int, structures: Mapping[str, int]) -> Iterator[Complaint]:
    """Find outputs without a channel for a structure: labels count from 0, the background.

    Examples
    --------
    >>> next(too_few_classes(2, {"anterior": 1, "posterior": 2})).received
    '2 classes'
    """
    if structures and max(structures.values()) >= max(2, classes):
        yield Complaint(
            "problem",
            f"a class for each of {dict(structures)}",
            f"{classes} classes",
            "count labels from 0, the background",
        )


def equal_samples(samples: Sequence[Tensor]) -> Iterator[Complaint]:
    """Find cases with a single sample, or with samples that are all the same.

    Examples
    --------
    >>> import torch
    >>> next(equal_samples([torch.zeros(2, 3)])).received
    'a single sample, so that nothing can disagree'
    """
    if len(samples) == 1:
        yield Complaint(
            "warning",
            "two samples or more",
            "a single sample, so that nothing can disagree",
            "save the members of an ensemble, or the passes of dropout, one by one",
        )
    elif all(samples[0].equal(sample) for sample in samples[1:]):
        yield Complaint(
            "problem",
            "samples that differ",
            f"{len(samples)} samples that are the same",
            "switch dropout on while sampling, or save each member's own output",
        )


def softmax_twice(samples: Sequence[Tensor]) -> Iterator[Complaint]:
    """Find probabilities of exclusive classes that went through the softmax a second time.

    The softmax of C probabilities lies between 1 / (1 + (C - 1) e) and e / (e + C - 1), and comes
    close to the upper end wherever the model was sure.

    Examples
    --------
    >>> import torch
    >>> once = torch.softmax(torch.tensor([[9.0, -9.0], [-9.0, 9.0]]), dim=0)
    >>> list(softmax_twice([once])), len(list(softmax_twice([torch.softmax(once, dim=0)])))
    ([], 1)
    """
    classes = len(samples[0])
    largest, smallest = e / (e + classes - 1), 1 / (1 + (classes - 1) * e)
    high = max(float(sample.max()) for sample in samples)
    low = min(float(sample.min()) for sample in samples)
    within = low >= smallest - 1e-3 and 0.95 * largest <= high <= largest + 1e-3
    if classes > 1 and within:
        yield Complaint(
            "problem",
            "probabilities that went through the softmax once",
            f"values from {low:.3f} to {high:.3f}, as if it was applied twice",
            "save what the model returns if that is probabilities already",
        )
