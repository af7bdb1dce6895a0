"""The answers that `segqc audit add` brings back: a table of Dice, or masks to measure it on."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path

import pandas as pd

from segqc_conformal.cli.parsing import parse_structures
from segqc_conformal.errors import InputError
from segqc_conformal.features.case_folders import find_files
from segqc_conformal.features.reference_dice import reference_dice
from segqc_conformal.features.table import read_table

__all__ = ["answered_cases"]

Answer = Callable[[], dict[str, float]]


def answered_cases(
    answers: Path | None, references: Path | None, masks: Path | None, structures: str | None
) -> tuple[dict[str, dict[str, float]], list[str]]:
    """Return the Dice of each audited case by structure, and why that of others is not known.

    Raises
    ------
    InputError
        If neither a table nor all of the other three are given, or the table lacks a column.
    FileFormatError
        If the table or a folder does not exist.
    """
    answered, refused = {}, []
    for case_id, answer in _given(answers, references, masks, structures):
        try:
            answered[case_id] = answer()
        except InputError as error:
            refused.append(str(error))
    return answered, refused


def _given(
    answers: Path | None, references: Path | None, masks: Path | None, structures: str | None
) -> list[tuple[str, Answer]]:
    """Return each audited case with how its Dice is found."""
    measured = (references, masks, structures)
    if answers is not None and not any(measured):
        return _in_table(answers)
    if answers is None and references and masks and structures:
        return _on_masks(references, masks, structures)
    raise InputError(
        "a table of answers, or --references, --masks and --structures",
        "both" if answers is not None else "neither in full",
        "give one of them",
    )


def _in_table(path: Path) -> list[tuple[str, Answer]]:
    table = read_table(path)
    missing = {"case_id", "structure", "dice"} - set(table.columns)
    if missing:
        raise InputError("columns case_id, structure, dice", list(table.columns), "add them")
    groups = table.groupby("case_id", sort=False)
    return [(str(case_id), partial(_answer, str(case_id), rows)) for case_id, rows in groups]


def _on_masks(references: Path, masks: Path, structures: str) -> list[tuple[str, Answer]]:
    labels, deployed = parse_structures(structures), find_files(masks)
    return [
        (name, partial(reference_dice, name, deployed.get(name, masks / path.name), path, labels))
        for name, path in find_files(references).items()
    ]


def _answer(case_id: str, rows: pd.DataFrame) -> dict[str, float]:
    try:
        dice = rows["dice"].astype(float)
    except (ValueError, TypeError) as error:
        raise InputError("dice as numbers", error, "correct the answer", case_id) from error
    if rows["structure"].duplicated().any():
        raise InputError(
            "one dice per structure",
            f"structures {rows['structure'].tolist()}",
            "correct the answer",
            case_id,
        )
    return dict(zip(rows["structure"], dice, strict=True))
