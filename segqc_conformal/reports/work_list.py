"""The work list: referred cases in the order in which a person should look at them."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from html import escape
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from segqc_conformal.errors import FileFormatError, InputError
from segqc_conformal.features.table import write_table
from segqc_conformal.reports.case_look import CaseLook, slice_runs
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

__all__ = ["check_suffix", "work_list", "write_work_list"]

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
    looks: Mapping[str, CaseLook] | None = None,
    now: datetime | None = None,
) -> Path:
    """Write the work list as a page to read or a table to import, by the suffix.

    Parameters
    ----------
    path : str or Path
        ``.html``, ``.csv`` or ``.parquet``; replaced at once.
    verdicts : DataFrame
        A verdict table.
    looks : mapping of str to CaseLook, optional
        Where to look in each referred case, by case id. The page shows it; a table gets the columns
        ``slice_axis, worst_slice, first_slices`` (such as "12-15 20", from 0), ``regions`` (how
        many) and ``not_shown`` (why nothing is said).
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
    check_suffix(path)
    path, listed, looks = Path(path), work_list(verdicts), looks or {}
    if path.suffix != ".html":
        write_table(_with_looks(listed, looks) if looks else listed, path)
        return path
    cases = verdicts["case_id"].nunique()
    share = len(listed) / cases if cases else float("nan")
    text = paragraph(
        f"{len(listed)} of {cases} cases ({percent(share)}) are referred to a person. The most "
        "doubtful come first. The interval is meant to hold the true Dice, on average over all "
        "patients."
    )
    if looks:
        text += paragraph(
            "Slices are counted from 0. Slices and regions are where the maps doubt the mask most: "
            "no promise, errors can lie elsewhere."
        )
    missing = "".join(paragraph(look.missing, "note") for look in looks.values() if look.missing)
    sections = [Section("Referred cases", text + _listed(listed, looks) + missing)]
    if any(look.picture is not None for look in looks.values()):
        sections.append(Section("Where to look", _shown(listed, looks)))
    return write_page(path, "Work list", "Masks to look at", sections, now)


def check_suffix(path: str | Path) -> None:
    """Refuse a file that is no page and no table, before any work is done.

    Raises
    ------
    FileFormatError
    """
    if Path(path).suffix not in (".html", ".csv", ".parquet"):
        raise FileFormatError(
            "a .html, .csv or .parquet file", Path(path).name, "choose one of these"
        )


def _with_looks(listed: pd.DataFrame, looks: Mapping[str, CaseLook]) -> pd.DataFrame:
    each = [looks[case_id] for case_id in listed["case_id"]]
    return listed.assign(
        slice_axis=pd.array([look.axis for look in each], dtype="Int64"),
        worst_slice=pd.array([next(iter(look.slices), None) for look in each], dtype="Int64"),
        first_slices=[slice_runs(look.slices) for look in each],
        regions=pd.array(
            [None if look.missing else len(look.regions) for look in each], dtype="Int64"
        ),
        not_shown=[look.missing for look in each],
    )


def _listed(listed: pd.DataFrame, looks: Mapping[str, CaseLook]) -> str:
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
            *([looks[row["case_id"]].words] if looks else []),
        )
        for row in listed.to_dict("records")
    ]
    return table((*head, *(["look first at"] if looks else [])), rows)


def _shown(listed: pd.DataFrame, looks: Mapping[str, CaseLook]) -> str:
    return "".join(
        _card(row, looks[row["case_id"]], looks[row["case_id"]].picture)
        for row in listed.to_dict("records")
    )


def _card(row: Mapping[Any, Any], look: CaseLook, shown: Picture | None) -> str:
    if shown is None:
        return ""
    return (
        f'<div class="case"><h3>{row["place"]}. {escape(row["case_id"])}</h3>'
        f"{paragraph('Why: ' + row['why'] + '. Look first at: ' + look.words + '.')}"
        f"{picture(shown.png(), 'Slice of case ' + row['case_id'])}"
        f"{paragraph(look.title + ' ' + shown.caption, 'note')}"
        f"{''.join(paragraph(line, 'note') for line in look.region_lines)}</div>"
    )
