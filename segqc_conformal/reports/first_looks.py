"""Which cases a person should look at first, and why."""

from __future__ import annotations

from collections.abc import Mapping
from html import escape

import pandas as pd

from segqc_conformal.reports.page import number, paragraph, picture
from segqc_conformal.reports.picture import Picture
from segqc_conformal.reports.reasons import reason_in_words
from segqc_conformal.whole_case import WHOLE_CASE

__all__ = ["case_cards", "cases_to_look_at"]


def cases_to_look_at(
    rows: pd.DataFrame, dice_threshold: float = 0.8, each: int = 2
) -> pd.DataFrame:
    """Choose the cases worth a look, each with the reasons.

    Parameters
    ----------
    rows : DataFrame
        ``case_id, structure, dice, predicted_dice, dice_low, dice_high, accept, accept_score``:
        verdicts joined with ``dice``. Where there are ``whole_case`` rows, only those decide.
    dice_threshold : float
        An accepted case at or below it was accepted wrongly.
    each : int
        How many cases for each reason.

    Returns
    -------
    DataFrame
        The chosen rows with a column ``why``, the first to look at on top: accepted although bad,
        true Dice furthest outside the interval, lowest accept score, widest interval.

    Notes
    -----
    Guarantee: none. Pictures for the report are best made for these cases.

    Examples
    --------
    >>> rows = pd.DataFrame({"case_id": ["a", "b"], "structure": "lesion", "dice": [0.5, 0.9],
    ...     "dice_low": [0.7, 0.8], "dice_high": [0.9, 1.0], "accept": [True, True],
    ...     "accept_score": [2.0, 3.0], "predicted_dice": 0.8})
    >>> cases_to_look_at(rows, each=1)[["case_id", "why"]].values.tolist()[0][0]
    'a'
    """
    if (rows["structure"] == WHOLE_CASE).any():
        rows = rows[rows["structure"] == WHOLE_CASE]
    outside = (rows["dice_low"] - rows["dice"]).clip(lower=0) + (
        rows["dice"] - rows["dice_high"]
    ).clip(lower=0)
    wrong = rows["accept"] & (rows["dice"] <= dice_threshold)
    # without a prediction the interval is [0, 1] anyway: no news
    width = (rows["dice_high"] - rows["dice_low"])[rows["predicted_dice"].notna()]
    reasons = (
        (f"accepted, but true Dice is ≤ {dice_threshold:g}", rows["dice"][wrong], True),
        ("true Dice lies outside the interval", outside[outside > 0], False),
        ("lowest accept score", rows["accept_score"], True),
        ("widest interval", width, False),
    )
    why: dict[object, list[str]] = {}
    for reason, measure, ascending in reasons:
        ordered = measure.sort_values(ascending=ascending, kind="stable").index[:each]
        for place in ordered:
            why.setdefault(place, []).append(reason)
    return rows.loc[list(why)].assign(why=["; ".join(reason) for reason in why.values()])


def case_cards(cases: pd.DataFrame, pictures: Mapping[str, Picture]) -> str:
    """Return a card for each case, with its picture where there is one.

    Parameters
    ----------
    cases : DataFrame
        As `cases_to_look_at` returns; also ``site`` and ``predicted_dice``.
    pictures : mapping of str to Picture
        By case id.

    Returns
    -------
    str
        HTML.

    Notes
    -----
    Guarantee: none.
    """
    return "\n".join(_card(row, pictures.get(str(row["case_id"]))) for _, row in cases.iterrows())


def _card(row: pd.Series, shown: Picture | None) -> str:
    verdict = "accepted" if row["accept"] else f"referred: {reason_in_words(row['reason'])}"
    facts = (
        f"True Dice {number(row['dice'])}, predicted {number(row['predicted_dice'])}, interval "
        f"{number(row['dice_low'])} to {number(row['dice_high'])}; {verdict}; site {row['site']}."
    )
    image = (
        ""
        if shown is None
        else (
            picture(shown.png(), f"Slice of case {row['case_id']}: image, masks, uncertainty")
            + paragraph(shown.caption, "note")
        )
    )
    why = str(row["why"])
    return (
        f'<div class="case"><h3>{escape(str(row["case_id"]))}</h3>'
        f"{paragraph(why[0].upper() + why[1:] + '.')}{paragraph(facts, 'note')}{image}</div>"
    )
