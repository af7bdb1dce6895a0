"""Dice of a deployed mask that is a file, once its reference mask has been drawn."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from segqc_conformal.case import in_structure
from segqc_conformal.dice import dice
from segqc_conformal.features.case_files import CaseFiles

__all__ = ["reference_dice"]


def reference_dice(
    case_id: str, mask: str | Path, reference: str | Path, structures: Mapping[str, int]
) -> dict[str, float]:
    """Compare the files of a deployed mask and of its reference mask.

    Parameters
    ----------
    case_id : str
        Named in errors.
    mask, reference : path
        NIfTI files on one grid.
    structures : mapping of str to int
        Structure name -> label.

    Returns
    -------
    dict of str to float
        Dice in [0, 1] of each structure.

    Raises
    ------
    FileFormatError
        If a file cannot be read.
    GeometryError
        If the two do not lie on one grid, with the mistake named.
    InputError
        If they hold no labels.

    Notes
    -----
    Guarantee: none (arithmetic).
    """
    # the grid of the deployed mask stands for that of its image, on which it was judged
    case = CaseFiles(case_id, case_id, "unknown", mask, mask, reference).load()
    if case.mask is None or case.reference is None:
        return {}
    axes = len(case.spatial_shape)
    return {
        name: dice(in_structure(case.mask, label, axes), in_structure(case.reference, label, axes))
        for name, label in structures.items()
    }
