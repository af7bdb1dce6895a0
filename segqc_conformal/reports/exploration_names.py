"""How the page of an exploration names and orders structures and groups."""

from __future__ import annotations

from collections.abc import Iterable

import pandas as pd

from segqc_conformal.reports.promise_sections import display_name
from segqc_conformal.whole_case import WHOLE_CASE

__all__ = ["label_of", "name_of", "rows_by_name", "rows_whole_case_first", "whole_case_first"]


def label_of(structure: str, group: str | None) -> str:
    """Return what a structure, in a group, is called."""
    name = display_name(structure)
    return name if group is None else f"{name}, {group}"


def name_of(row: pd.Series) -> str:
    """Return what the structure and group of a row are called."""
    return label_of(row["structure"], row.get("group"))


def whole_case_first(names: Iterable[str]) -> list[str]:
    """Return names with those of the whole case first."""
    whole = display_name(WHOLE_CASE)
    return sorted(names, key=lambda name: not name.startswith(whole))


def rows_whole_case_first(rows: pd.DataFrame) -> pd.DataFrame:
    """Return rows with those of the whole case first: it decides whether a case may pass."""
    last = rows["structure"] != WHOLE_CASE
    return pd.concat([rows[~last], rows[last]])


def rows_by_name(rows: pd.DataFrame) -> dict[str, pd.DataFrame]:
    """Return the rows of each structure and group by its name, the whole case first."""
    ordered = rows_whole_case_first(rows)
    names = ordered.apply(name_of, axis=1)
    return {str(name): part for name, part in ordered.groupby(names, sort=False)}
