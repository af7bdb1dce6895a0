"""The work list: referred cases in the order in which a person should look at them."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from html import escape
from pathlib import Path

import numpy as np
import pandas as pd

from segqc_conformal.errors import FileFormatError, InputError
from segqc_conformal.features.table import write_table
from segqc_conformal.reports.page import (
    Section,
    number,
    paragraph,
    percent,
    picture,
    table,
    write_page,
)
from segqc_conformal.reports.picture import Picture
from segqc_conformal.reports.reasons import reason_in_words
from segqc_conformal.whole_case import WHOLE_CASE, single_structures

__all__ = ["work_list", "write_work_list"]

COLUMNS = (
    "case_id",
    "structure",
    "accept",
    "accept_score",
    "predicted_dice",
    "dice_low",
    "dice_high",
    "reason",
    "message",
)
CARRIED = ("patient_id", "site", "time")


def work_list(verdicts: pd.DataFrame) -> pd.DataFrame:
    """Put the referred cases in order, the most doubtful first.

    Parameters
    ----------
    verdicts : DataFrame
        A verdict table. Where a case has a ``whole_case`` row, that row decides for it.

    Returns
    -------
    DataFrame
        One row per referred case: ``place`` from 1, ``case_id``, ``patient_id, site, time`` where
        known, ``doubtful`` (structures not accepted, the most doubtful first), ``why``,
        ``predicted_dice, dice_low, dice_high, accept_score, message``. Lowest accept score first;
        ties by the lower end of the interval, then as given.

    Raises
    ------
    InputError
        If a column is missing.

    Notes
    -----
    Guarantee: none. Every referred case is on the list.

    Examples
    --------
    >>> verdicts = pd.DataFrame({"case_id": ["a", "b"], "structure": "lesion", "accept": False,
    ...     "accept_score": [1.0, -np.inf], "predicted_dice": [0.7, np.nan], "dice_low": [0.5, 0.0],
    ...     "dice_high": [0.9, 1.0], "reason": ["below_threshold", "empty_prediction"],
    ...     "message": ""})
    >>> work_list(verdicts)[["place", "case_id", "why"]].values.tolist()[0]
    [1, 'b', 'predicted structure is empty']
    """
    missing = [name for name in COLUMNS if name not in verdicts]
    if missing:
        raise InputError(
            "a verdict table", f"no columns {missing}", "give what gate.judge returned"
        )
    whole = verdicts["structure"] == WHOLE_CASE
    has_whole = verdicts["case_id"].isin(verdicts.loc[whole, "case_id"])
    parts = verdicts[single_structures(verdicts["structure"]) & ~verdicts["accept"]].sort_values(
        "accept_score", kind="stable"
    )
    doubtful = parts.groupby("case_id")["structure"].agg(", ".join)
    deciding = verdicts[(whole | ~has_whole) & ~verdicts["accept"]]
    ordered = deciding.sort_values(["accept_score", "dice_low"], kind="stable")
    first = ordered.drop_duplicates("case_id")
    return pd.DataFrame(
        {
            "place": np.arange(1, len(first) + 1),
            "case_id": first["case_id"],
            **{name: first[name] for name in CARRIED if name in first},
            "doubtful": first["case_id"].map(doubtful).fillna("all together"),
            "why": first["reason"].map(reason_in_words),
            **{
                name: first[name]
                for name in ("predicted_dice", "dice_low", "dice_high", "accept_score", "message")
            },
        }
    ).reset_index(drop=True)


def write_work_list(
    path: str | Path,
    verdicts: pd.DataFrame,
    pictures: Mapping[str, Picture] | None = None,
    now: datetime | None = None,
) -> Path:
    """Write the work list as a page to read or a table to import, by the suffix.

    Parameters
    ----------
    path : str or Path
        ``.html``, ``.csv`` or ``.parquet``; replaced at once.
    verdicts : DataFrame
        A verdict table.
    pictures : mapping of str to Picture, optional
        By case id; shown in the page.
    now : datetime, optional
        Printed at the foot of the page; None: the time of the call.

    Returns
    -------
    Path

    Raises
    ------
    InputError
        If a column is missing.
    FileFormatError
        For another suffix.

    Notes
    -----
    Guarantee: every referred case is on the list.
    """
    path, listed = Path(path), work_list(verdicts)
    if path.suffix in (".csv", ".parquet"):
        write_table(listed, path)
        return path
    if path.suffix != ".html":
        raise FileFormatError("a .html, .csv or .parquet file", path.name, "choose one of these")
    cases = verdicts["case_id"].nunique()
    share = len(listed) / cases if cases else float("nan")
    text = paragraph(
        f"{len(listed)} of {cases} cases ({percent(share)}) are referred to a person. The most "
        "doubtful come first. The interval is meant to hold the true Dice, on average over all "
        "patients."
    )
    sections = [Section("Referred cases", text + _listed(listed))]
    if pictures:
        sections.append(Section("Pictures", _shown(listed, pictures)))
    return write_page(path, "Work list", "Masks to look at", sections, now)


def _listed(listed: pd.DataFrame) -> str:
    if listed.empty:
        return paragraph("Nothing is referred.")
    head = ("place", "case", "site", "why", "doubtful", "predicted Dice", "Dice interval")
    rows = [
        (
            row["place"],
            row["case_id"],
            row.get("site", "–"),
            row["why"],
            row["doubtful"],
            number(row["predicted_dice"]),
            f"{number(row['dice_low'])} to {number(row['dice_high'])}",
        )
        for row in listed.to_dict("records")
    ]
    return table(head, rows)


def _shown(listed: pd.DataFrame, pictures: Mapping[str, Picture]) -> str:
    cards = [
        f'<div class="case"><h3>{row["place"]}. {escape(row["case_id"])}</h3>'
        f"{paragraph(row['why'])}"
        f"{picture(pictures[row['case_id']].png(), 'Slice of case ' + row['case_id'])}"
        f"{paragraph(pictures[row['case_id']].caption, 'note')}</div>"
        for row in listed.to_dict("records")
        if row["case_id"] in pictures
    ]
    return "".join(cards) or paragraph("No picture of a referred case was given.")
