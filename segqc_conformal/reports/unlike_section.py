"""The most changed cases, with a picture where there is an image, and their values in any case."""

from __future__ import annotations

from html import escape

import pandas as pd

from segqc_conformal.errors import SegqcError
from segqc_conformal.reports.case_pictures import CasePictures
from segqc_conformal.reports.page import Section, number, paragraph, percent, picture
from segqc_conformal.reports.strip import strip
from segqc_conformal.reports.unlike_cases import tail_shares, unlike_cases

__all__ = ["most_changed"]

COLUMNS_SHOWN = 4


def most_changed(
    then: pd.DataFrame,
    now: pd.DataFrame,
    sites: pd.Series,
    pictures: CasePictures | None = None,
) -> Section:
    """Show the recent cases that look least like the calibration cases.

    Parameters
    ----------
    then, now : DataFrame
        As `one_row_per_case` returns them.
    sites : Series of str
        Of the recent cases, by case.
    pictures : CasePictures, optional
        A case whose image is missing or broken is shown by its values, with the reason.
    """
    title = "The most changed cases"
    tails = tail_shares(then, now)
    chosen = unlike_cases(tails)
    if chosen.empty:
        return Section(title, paragraph("There is no recent case to compare."))
    text = paragraph(
        "The recent cases that look least like the calibration cases, all quantities together. "
        "Some case is always the most unlike: these are where to look first, and nothing need be "
        "wrong with them. Grey: the values of the calibration cases; red: this case, and above or "
        "below how many of them it lies."
    )
    cards = "".join(
        _card(str(case), str(sites[case]), then, now.loc[case], tails.loc[case], pictures)
        for case in chosen.index
    )
    return Section(title, f'{text}<div class="grid">{cards}</div>')


def _card(
    case_id: str,
    site: str,
    then: pd.DataFrame,
    values: pd.Series,
    tails: pd.Series,
    pictures: CasePictures | None,
) -> str:
    furthest = tails.dropna().sort_values(kind="stable").index[:COLUMNS_SHOWN]
    strips = "".join(_value(str(name), then[name], float(values[name])) for name in furthest)
    return (
        f'<div class="case"><h3>{escape(case_id)}</h3>'
        f"{paragraph(f'site {site}', 'note')}"
        f"{_pictured(case_id, pictures)}"
        f'<div class="values">{strips}</div></div>'
    )


def _value(name: str, then: pd.Series, value: float) -> str:
    words = f"{name}: {number(value, 3)}, {_where(then.dropna(), value)}"
    return f"<div>{paragraph(words, 'note')}{strip(then.to_numpy(), value, words)}</div>"


def _where(known: pd.Series, value: float) -> str:
    share = float((known < value).mean())
    if share == 1.0:
        return f"above all {len(known)}"
    if (known > value).all():
        return f"below all {len(known)}"
    return f"above {percent(share)}"


def _pictured(case_id: str, pictures: CasePictures | None) -> str:
    if pictures is None:
        return ""
    try:
        shown = pictures.of(case_id)
    except SegqcError as error:
        return paragraph(f"No picture: {error}.", "note")
    if shown is None:
        return paragraph("No picture: the folder of images has none of this case.", "note")
    return picture(shown.png(), f"Slice of case {case_id}") + paragraph(shown.caption, "note")
