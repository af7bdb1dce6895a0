"""The masks of all cases together: a structure that is nowhere, leaks, one case unlike the rest."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from itertools import permutations

import numpy as np
from numpy.typing import NDArray

from segqc_conformal.doctor.finding import Complaint, Finding, listed
from segqc_conformal.doctor.seen_case import SeenCase
from segqc_conformal.geometry_mistakes import axes_in_words

__all__ = ["absent_structure", "leaked_reference", "transposed_structure"]

_FEWEST = 12  # cases that say what a structure looks like
_UNLIKE, _LIKE = 6.0, 3.0  # robust standard deviations of a log length
_SMALLEST_SPREAD = 0.05


def leaked_reference(seen: Sequence[SeenCase]) -> list[Finding]:
    """Find reference masks that equal the deployed mask voxel by voxel.

    Notes
    -----
    A problem where at least half of the cases with both masks are so: the deployed masks were
    saved as the reference. Else a warning.
    Guarantee: none.
    """
    both = [case for case in seen if case.same_masks is not None]
    same = [case.case_id for case in both if case.same_masks]
    if not same:
        return []
    return [
        Complaint(
            "problem" if 2 * len(same) >= len(both) else "warning",
            "reference masks that an expert drew",
            f"{len(same)} of {len(both)} equal to the deployed mask in every voxel, Dice 1",
            "find the expert's masks: with a copy of the deployed mask every promise is empty",
        ).about("reference masks", same)
    ]


def absent_structure(seen: Sequence[SeenCase], structures: Mapping[str, int]) -> list[Finding]:
    """Find structures that no mask of any case holds.

    Notes
    -----
    Looked at where at least two cases have a mask that is not empty.
    Guarantee: none.
    """
    findings = []
    for mask in ("deployed mask", "reference mask"):
        held = [{name for kind, name in case.extents_mm if kind == mask} for case in seen]
        filled = [names for names in held if names]
        if len(filled) < 2:
            continue
        findings += [
            Complaint(
                "warning",
                f"structure {name} (label {label}) in some {mask}",
                f"none in {len(filled)} masks",
                "check --structures: are the labels counted from 0, the background?",
            ).about("structures")
            for name, label in structures.items()
            if name not in set().union(*filled)
        ]
    return findings


def transposed_structure(seen: Sequence[SeenCase]) -> list[Finding]:
    """Find structures whose proportions fit those of the other cases only with axes swapped.

    Notes
    -----
    Compares the sides of bounding boxes, relative to their geometric mean, of 12 or more cases:
    one side lies 6 robust standard deviations (at least 5 %) off the median, and with axes swapped
    all lie within 3. A structure whose sides do not differ by more than they vary tells nothing.
    Guarantee: none; a warning, as a rare shape may look so.
    """
    unlike: dict[tuple[str, str, str], list[str]] = defaultdict(list)
    for mask, structure in sorted({key for case in seen for key in case.extents_mm}):
        cases = [case for case in seen if (mask, structure) in case.extents_mm]
        if len(cases) < _FEWEST:
            continue
        sides = np.log([case.extents_mm[mask, structure] for case in cases])
        for case, order in zip(cases, _swapped(sides), strict=True):
            if order:
                unlike[case.case_id, mask, axes_in_words(order)].append(structure)
    return [
        Complaint(
            "warning",
            f"a {mask} in the voxel order of the image",
            f"a structure ({listed(names)}) as in other cases only when {swaps}",
            "look at image and mask in a viewer; write the mask as the image was read",
        ).about(f"case {case_id}")
        for (case_id, mask, swaps), names in unlike.items()
    ]


def _swapped(sides: NDArray[np.float64]) -> list[tuple[int, ...]]:
    """Return, for each row of log lengths, the order of axes that alone makes it usual, or none."""
    shapes = sides - sides.mean(axis=1, keepdims=True)
    middle = np.median(shapes, axis=0)
    spread = np.maximum(1.4826 * np.median(np.abs(shapes - middle), axis=0), _SMALLEST_SPREAD)

    def off(shape: NDArray[np.float64], order: tuple[int, ...]) -> float:
        return float(np.abs((shape[list(order)] - middle) / spread).max())

    own = tuple(range(shapes.shape[1]))
    found = []
    for shape in shapes:
        best = min(permutations(own), key=lambda order: off(shape, order))
        found.append(best if off(shape, own) > _UNLIKE and off(shape, best) < _LIKE else ())
    return found
