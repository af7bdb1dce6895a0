"""One case's masks: labels, emptiness, and whether they lie where the image and each other lie."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import permutations, product
from typing import Any

import numpy as np
from numpy.typing import NDArray

from segqc_conformal.case import Case
from segqc_conformal.dice import dice
from segqc_conformal.doctor.finding import Complaint
from segqc_conformal.doctor.seen_case import given_masks
from segqc_conformal.geometry_mistakes import axes_in_words

__all__ = ["empty_mask", "mask_on_background", "turned_mask", "wrong_labels"]

_MOST_VOXELS = 200_000  # of a mask that is turned this way and that
_BACKGROUND = 0.2  # share of an image at its smallest value, from which this is background
_APART, _TOGETHER = 0.5, 0.8  # Dice


def wrong_labels(case: Case, structures: Mapping[str, int]) -> Iterator[Complaint]:
    """Find labels that are no structure: off by one, 255 for 1, or unknown.

    Examples
    --------
    >>> case = Case(np.ones(3), case_id="c", patient_id="p", mask=np.array([0, 2, 3]))
    >>> next(wrong_labels(case, {"a": 1, "b": 2})).received
    'a deployed mask with labels [2, 3], each one too high'
    """
    known = set(structures.values())
    for name, mask in given_masks(case):
        held = {int(label) for label in np.unique(mask)} - {0}
        regions = mask.ndim > len(case.spatial_shape)
        if not known or regions or held <= known:
            continue
        yield Complaint(
            "problem" if _how(held, known) else "warning",
            f"labels {sorted(known)}, those of the structures",
            f"a {name} with labels {sorted(held)}{_how(held, known)}",
            "relabel the mask, or correct --structures",
        )


def _how(held: set[int], known: set[int]) -> str:
    if held == {255} and known == {1}:
        return ", 255 for 1"
    for step, word in ((1, "high"), (-1, "low")):
        if {label - step for label in held} <= known:
            return f", each one too {word}"
    return ""


def empty_mask(case: Case, structures: Mapping[str, int]) -> Iterator[Complaint]:
    """Find masks that hold no structure at all.

    Examples
    --------
    >>> case = Case(np.ones(3), case_id="c", patient_id="p", mask=np.zeros(3, int))
    >>> next(empty_mask(case, {})).received
    'a deployed mask without any structure'
    """
    for name, mask in given_masks(case):
        regions = mask.ndim > len(case.spatial_shape)
        looked_for = (
            mask > 0 if regions or not structures else np.isin(mask, [*structures.values()])
        )
        if not looked_for.any():
            yield Complaint(
                "warning",
                "a mask that holds a structure",
                f"a {name} without any structure",
                "check its export; an empty mask that is right is Dice 0, or 1 if both are empty",
            )


def mask_on_background(case: Case) -> Iterator[Complaint]:
    """Find masks that lie mostly where the image is background: shifted, flipped or of another.

    Background is the smallest value of the image, where a fifth of its voxels or more have it. A
    warning, as lungs may lie there in an image whose values were cut off.

    Examples
    --------
    >>> image = np.array([0.0, 0.0, 0.0, 5.0, 7.0])
    >>> mask = np.array([1, 1, 0, 0, 0])
    >>> case = Case(image, case_id="c", patient_id="p", mask=mask)
    >>> next(mask_on_background(case)).received
    'a deployed mask of which 100 % lies on the background'
    """
    image = case.channels_first()[0]
    background = image == image.min()
    share = background.mean()
    if not _BACKGROUND <= share < 1:
        return
    for name, mask in given_masks(case):
        inside = mask > 0 if mask.ndim == image.ndim else (mask > 0).any(axis=0)
        outside = background[inside].mean() if inside.any() else 0.0
        if outside > 0.5:
            yield Complaint(
                "warning",
                "a mask on the body that the image shows",
                f"a {name} of which {outside:.0%} lies on the background".replace("%", " %"),
                "look at both in a viewer: it is shifted, flipped, or of another case",
            )


def turned_mask(case: Case) -> Complaint | None:
    """Find deployed masks that fit the reference mask only with axes swapped or flipped.

    Their Dice is below 0.5 as they stand, and above 0.8 when turned.

    Examples
    --------
    >>> mask = np.zeros((4, 5), int); mask[0, :2] = 1
    >>> case = Case(mask, case_id="c", patient_id="p", mask=mask[::-1], reference=mask)
    >>> turned_mask(case).received
    'a deployed mask that fits the reference mask only when axis 0 is flipped'
    """
    if case.mask is None or case.reference is None or case.mask.shape != case.reference.shape:
        return None
    axes = len(case.spatial_shape)
    mask, reference = (_thinned(labels, axes) > 0 for labels in (case.mask, case.reference))
    if not (mask.any() and reference.any()) or dice(mask, reference) >= _APART:
        return None
    fits = {how: dice(turned, reference) for how, turned in _ways(mask, axes, reference.shape)}
    best = max(fits.values(), default=0.0)
    if best < _TOGETHER:
        return None
    # of a symmetric structure several fit alike: the simplest one is meant
    how = next(how for how, fit in fits.items() if fit >= max(_TOGETHER, best - 0.1))
    return Complaint(
        "problem",
        "masks in the voxel order of the image",
        f"a deployed mask that fits the reference mask only when {how}",
        "write the mask as the image was read, then give it the image's affine",
    )


def _thinned(labels: NDArray[Any], axes: int) -> NDArray[Any]:
    step = max(1, round((labels.size / _MOST_VOXELS) ** (1 / axes)))
    steps: tuple[Any, ...] = (..., *[slice(None, None, step)] * axes)
    return np.asarray(labels[steps])


def _ways(
    mask: NDArray[np.bool_], axes: int, shape: tuple[int, ...]
) -> Iterator[tuple[str, NDArray[np.bool_]]]:
    """Yield a mask turned in every way but its own that has the shape, the simplest ways first."""
    first = mask.ndim - axes  # regions stay where they are
    own = tuple(range(axes))
    ways = product(permutations(own), product((False, True), repeat=axes))
    for order, flips in sorted(ways, key=lambda way: _changes(*way)):
        flipped = tuple(axis for axis in own if flips[axis])
        swapped = mask.transpose(*range(first), *(first + axis for axis in order))
        if swapped.shape == shape and (order != own or flipped):
            turned = np.flip(swapped, tuple(first + axis for axis in flipped))
            yield _way_in_words(order, flipped), turned


def _changes(order: tuple[int, ...], flips: tuple[bool, ...]) -> int:
    return sum(flips) + sum(axis != source for axis, source in enumerate(order))


def _way_in_words(order: tuple[int, ...], flipped: tuple[int, ...]) -> str:
    words = [] if order == tuple(range(len(order))) else [axes_in_words(order)]
    if flipped:
        many = len(flipped) > 1
        axes = " and ".join(map(str, flipped))
        words.append(f"{'axes' if many else 'axis'} {axes} {'are' if many else 'is'} flipped")
    return " and ".join(words)
