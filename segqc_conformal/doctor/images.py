"""Images: contrast, size, copies, and whether those of a folder are alike."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Sequence

import numpy as np

from segqc_conformal.case import Case
from segqc_conformal.doctor.finding import Complaint, Finding, listed
from segqc_conformal.doctor.seen_case import SeenCase
from segqc_conformal.geometry import spacing_in_words

__all__ = [
    "constant_image",
    "copied_image",
    "implausible_size",
    "mixed_orientations",
    "unlike_spacing",
]

_SMALLEST_MM, _LARGEST_MM = 2.0, 4000.0  # of an image's longest side
_UNLIKE = 4.0
_FEWEST = 3


def constant_image(case: Case) -> Complaint | None:
    """Find images that hold one value in every voxel.

    Examples
    --------
    >>> constant_image(Case(np.zeros((2, 2)), case_id="c", patient_id="p")).received
    'the value 0 in every voxel'
    """
    low, high = case.image.min(), case.image.max()
    if low != high:
        return None
    return Complaint(
        "problem",
        "an image with contrast",
        f"the value {low:g} in every voxel",
        "export the image again, or leave the case out",
    )


def implausible_size(case: Case) -> Complaint | None:
    """Find voxel sizes that cannot be in mm: an image shorter than 2 mm or longer than 4 m.

    Examples
    --------
    >>> tiny = Case(np.zeros((9, 9)), case_id="c", patient_id="p", spacing_mm=(0.001, 0.001))
    >>> implausible_size(tiny).remedy
    'correct the header: metres written as mm?'
    """
    longest = max(np.multiply(case.spacing, case.spatial_shape))
    if _SMALLEST_MM <= longest <= _LARGEST_MM:
        return None
    unit = "metres" if longest < _SMALLEST_MM else "micrometres"
    return Complaint(
        "problem",
        f"an image between {_SMALLEST_MM:g} mm and {_LARGEST_MM / 1000:g} m long",
        f"{longest:.3g} mm, by voxels of {spacing_in_words(case.spacing)}",
        f"correct the header: {unit} written as mm?",
    )


def unlike_spacing(seen: Sequence[SeenCase]) -> list[Finding]:
    """Find voxels four times larger or smaller than those of most other cases (of three or more).

    Notes
    -----
    Guarantee: none.
    """
    if len(seen) < _FEWEST:
        return []
    sizes = np.array([np.exp(np.log(case.spacing).mean()) for case in seen])
    ratios = sizes / np.median(sizes)
    usual = spacing_in_words(seen[int(np.abs(ratios - 1).argmin())].spacing)
    return [
        Complaint(
            "warning",
            f"voxels like those of the other cases, {usual}",
            f"{spacing_in_words(case.spacing)}, {max(ratio, 1 / ratio):.4g}x too "
            f"{'large' if ratio > 1 else 'small'}",
            "correct the header, or calibrate such images apart (groups)",
        ).about(f"case {case.case_id}")
        for case, ratio in zip(seen, ratios, strict=True)
        if not 1 / _UNLIKE < ratio < _UNLIKE
    ]


def mixed_orientations(seen: Sequence[SeenCase]) -> list[Finding]:
    """Find images whose voxels are stored in another orientation than those of most others.

    Notes
    -----
    Guarantee: none.
    """
    known = [case for case in seen if case.orientation]
    counts = Counter(case.orientation for case in known)
    if len(counts) < 2:
        return []
    usual, number = counts.most_common(1)[0]
    return [
        Complaint(
            "warning",
            f"images in the orientation of most others, {usual} ({number} of {len(known)})",
            f"{other}",
            "reorient them as in training (nibabel.as_closest_canonical), if the model does not",
        ).about("orientation", [case.case_id for case in known if case.orientation == other])
        for other in counts
        if other != usual
    ]


def copied_image(seen: Sequence[SeenCase]) -> list[Finding]:
    """Find images that are the same voxel by voxel under two case ids or two patient ids.

    Notes
    -----
    Guarantee: none.
    """
    copies: dict[str, list[SeenCase]] = defaultdict(list)
    for case in seen:
        if case.image_digest is not None:
            copies[case.image_digest].append(case)
    findings = []
    for cases in copies.values():
        if len(cases) < 2:
            continue
        patients = sorted({case.patient_id for case in cases})
        of_one = len(patients) == 1
        findings.append(
            Complaint(
                "warning" if of_one else "problem",
                "each image once" if of_one else "each patient under one id",
                f"one image, of patient{'' if of_one else 's'} {listed(patients)}",
                "leave the copies out"
                if of_one
                else "leave the copies out, or correct the ids: promises count patients",
            ).about("copies", [case.case_id for case in cases])
        )
    return findings
