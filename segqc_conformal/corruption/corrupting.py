"""Corrupting reference masks until their Dice follows a requested histogram."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from segqc_conformal.case import Case, check_structures
from segqc_conformal.corruption.corrupted_cases import CorruptedCases, Recipes, loaded
from segqc_conformal.corruption.dice_histogram import DiceHistogram
from segqc_conformal.corruption.kinds import KINDS
from segqc_conformal.corruption.reference_masks import Kind, ReferenceMasks
from segqc_conformal.corruption.search import TOLERANCE, strength_for
from segqc_conformal.errors import InputError
from segqc_conformal.features.case_files import CaseFiles
from segqc_conformal.progress_bar import progress_bar
from segqc_conformal.whole_case import WHOLE_CASE

__all__ = ["corrupt"]

WITHIN = 0.03  # earth mover's distance of a request that counts as reached


def corrupt(
    cases: Sequence[Case | CaseFiles],
    histogram: DiceHistogram,
    *,
    structures: Mapping[str, int],
    of: str = WHOLE_CASE,
    kinds: Mapping[str, Kind] = KINDS,
    per_case: int = 1,
    seed: int = 0,
    progress: bool = True,
) -> CorruptedCases:
    """Corrupt reference masks so that their Dice follows a requested histogram.

    Parameters
    ----------
    cases : sequence of Case or CaseFiles
        Each with a reference mask. Give patients that train, none that will calibrate.
    histogram : DiceHistogram
        The Dice wanted, over all masks together.
    structures : mapping of str to int
        Structure name -> label.
    of : str
        Whose Dice: a structure's, and it alone is corrupted; or "whole_case", the worst
        structure's, and all are corrupted together.
    kinds : mapping of str to Kind
        Which kinds of corruption, by name; for each mask one is drawn. `KINDS` by default; add
        `half_trained` and `augmented_images` where there are models. Where a kind cannot reach a
        wanted Dice, the next one drawn takes its place.
    per_case : int
        Corrupted masks of each case, >= 1.
    seed : int
    progress : bool
        Show a progress bar on standard error.

    Returns
    -------
    CorruptedCases
        Iterate to get each `CorruptedCase`; ``distance`` is the earth mover's distance reached and
        ``missed`` lists the masks whose wanted Dice was out of reach.

    Raises
    ------
    InputError
        Without cases or kinds, for a case without a reference mask or an id that comes again, or
        if no wanted Dice could be reached and the distance is above 0.03.

    Notes
    -----
    Guarantee: the same arguments give the same masks. The earth mover's distance is at most
    (highest - lowest edge) / (2 masks) + 0.005 + the mean, over all masks, of how far the missed
    ones are off: below 0.03 from 20 masks on where none is missed. All corrupted cases are marked;
    what calibrates on, logs or evaluates a feature table of them refuses it. Sources: Qiu et al.
    (QCResUNet, 2025) and Dadras et al. (2024) train on masks of every quality; the kinds here are
    this package's own.

    Examples
    --------
    >>> square = np.zeros((40, 40), dtype=int)
    >>> square[10:30, 10:30] = 1
    >>> cases = [Case(square, case_id=f"c{k}", patient_id=f"p{k}", reference=square)
    ...          for k in range(20)]
    >>> corrupted = corrupt(cases, DiceHistogram([0.3, 1.0], [1]), structures={"square": 1},
    ...                     progress=False)
    >>> len(corrupted), corrupted.distance < 0.03, len(corrupted.missed)
    (20, True, 0)
    >>> first = next(iter(corrupted))
    >>> first.case.case_id, first.case.corrupted
    ('c0~corrupted0', True)
    """
    recipes = Recipes(check_structures(structures), of, dict(kinds), seed)
    _check(cases, recipes, per_case)
    wanted = histogram.values(len(cases) * per_case)
    np.random.default_rng(seed).shuffle(wanted)
    rows: list[dict[str, Any]] = []
    with progress_bar(progress) as bar:
        for given in bar.track(cases, description="corrupt"):
            reference = recipes.reference(loaded(given))
            for number in range(per_case):
                rows.append(_row(recipes, reference, number, float(wanted[len(rows)])))
    found = CorruptedCases(pd.DataFrame(rows), histogram, cases, recipes)
    _check_reached(found)
    return found


def _row(recipes: Recipes, reference: ReferenceMasks, number: int, wanted: float) -> dict[str, Any]:
    """Search the first kind that reaches the wanted Dice, or the one that comes nearest."""
    case = reference.case
    assert case is not None
    found: list[tuple[float, str, float, float]] = []
    for kind in recipes.rng(case, number).permutation(list(recipes.kinds)).tolist():
        path = recipes.path(reference, number, kind)
        strength, reached = strength_for(recipes.dice_along(reference, path), wanted)
        found.append((abs(reached - wanted), kind, strength, reached))
        if found[-1][0] <= TOLERANCE:
            break
    off, kind, strength, reached = min(found, key=lambda each: each[0])
    return {
        "case_id": f"{case.case_id}~corrupted{number}",
        "patient_id": case.patient_id,
        "kind": kind,
        "strength": strength,
        "wanted": wanted,
        "dice": reached,
        "missed": off > TOLERANCE,
    }


def _check(cases: Sequence[Case | CaseFiles], recipes: Recipes, per_case: int) -> None:
    if not len(cases) or not recipes.kinds or per_case < 1:
        raise InputError(
            "at least one case, one kind and one mask per case",
            f"{len(cases)} cases, kinds {list(recipes.kinds)}, per_case={per_case}",
            "give some",
        )
    if recipes.of not in (WHOLE_CASE, *recipes.structures):
        raise InputError(
            f"of as one of {[WHOLE_CASE, *recipes.structures]}",
            recipes.of,
            "name the structure whose Dice is wanted",
        )
    seen: set[str] = set()
    for case in cases:
        if case.case_id in seen:
            raise InputError(
                "one case per case_id",
                "this case_id again",
                "for several masks of a case say per_case",
                case.case_id,
            )
        seen.add(case.case_id)


def _check_reached(found: CorruptedCases) -> None:
    if found.table["missed"].all() and found.distance > WITHIN:
        worst = found.table.iloc[(found.table["dice"] - found.table["wanted"]).abs().argmax()]
        raise InputError(
            "a histogram of Dice that some mask can reach",
            f"an earth mover's distance of {found.distance:.3f}; for example {worst['case_id']}: "
            f"wanted {worst['wanted']:.3f}, nearest {worst['dice']:.3f}",
            "ask for other values of Dice, add kinds, or leave out cases with empty structures",
        )
