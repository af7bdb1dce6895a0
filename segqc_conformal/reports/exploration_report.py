"""The page of `segqc calibrate --explore`: choosing the risk by the fit patients alone."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

import pandas as pd

from segqc_conformal.exploration import Exploration
from segqc_conformal.planning_words import chance_in_words, per_cent
from segqc_conformal.reports.exploration_names import name_of, rows_whole_case_first
from segqc_conformal.reports.exploration_sections import (
    acceptance,
    curves,
    numbers,
    shifts,
    widths,
)
from segqc_conformal.reports.learning_section import learning
from segqc_conformal.reports.page import (
    Section,
    notice,
    paragraph,
    percent,
    write_numbers,
    write_page,
)

__all__ = ["write_exploration"]


def write_exploration(
    path: str | Path, found: Exploration, now: datetime | None = None
) -> tuple[Path, Path]:
    """Write an exploration as one self-contained page, and the same numbers as JSON beside it.

    Parameters
    ----------
    path : str or Path
        The page, ``.html``; the numbers get its name with ``.json``. Both are replaced at once.
    found : Exploration
    now : datetime, optional
        Printed at the foot; None: the time of the call.

    Returns
    -------
    (page, numbers) : tuple of Path

    Raises
    ------
    FileFormatError
        For another suffix.

    Notes
    -----
    Guarantee: none; forecasts.
    """
    sections = [
        _in_short(found),
        acceptance(found),
        numbers(found),
        curves(found),
        widths(found),
        shifts(found),
        *([] if found.learning is None else [learning(found.learning)]),
        _how(found),
    ]
    subtitle = (
        f"Seen on {found.patients_fit} fit patients, for a calibration on "
        f"{found.patients_calibration} others"
    )
    written = write_numbers(path, found.to_json())
    return write_page(path, "Choosing the risk", subtitle, sections, now), written


def _in_short(found: Exploration) -> Section:
    spends = notice(
        "No calibration label was read, so choosing by this page spends nothing. Choose before you "
        "calibrate; a choice made after seeing a certificate is another matter.",
        "good",
    )
    settings = found.settings
    outcomes = rows_whole_case_first(found.at(settings["dice_threshold"]))
    chosen = outcomes[outcomes["tolerated_error"] == settings["tolerated_error"]]
    first = chosen[chosen["structure"] == chosen["structure"].iloc[0]]
    risk = (
        f"at Dice > {settings['dice_threshold']:g} and a tolerated error of "
        f"{per_cent(settings['tolerated_error'])}"
    )
    forecasts = "".join(_forecast(row, risk) for _, row in first.iterrows())
    return Section("In short", spends + forecasts)


def _forecast(row: pd.Series, risk: str) -> str:
    then = ""
    if pd.notna(row["share_if_certified"]):
        then = f" and then accepts about {percent(row['share_if_certified'])} of patients"
    needed = (
        "At the errors seen here no number of calibration patients gives an 80 % chance."
        if row["patients_needed"] is None
        else f"At the threshold that needs the fewest, {row['patients_needed']} calibration "
        f"patients give an 80 % chance; there are {row['patients']}."
    )
    chance = f"a certificate comes with probability {chance_in_words(row['p_certify'])}"
    text = f"{name_of(row)} {risk}: {chance}{then}. {needed}"
    kind = "plain" if row["p_certify"] >= 0.5 else "caution"
    return notice(text.replace(" %", "\u00a0%"), kind)


def _how(found: Exploration) -> Section:
    settings = found.settings
    sure = percent(settings["confidence"], 1)
    text = paragraph(
        f"All forecasts are for an accept promise with {sure} confidence, calibrated on the "
        f"{found.patients_calibration} patients whose labels were not read, and rest on "
        f"{found.patients_fit} fit patients: with so few, differences of a few points mean "
        "nothing. P(certify) is what the certificate will print; it belongs to the start of the "
        "sequence of thresholds that the gate will choose, which gives away a little of it to "
        "accept more, so it need not grow with the tolerated error. Shares and widths are means "
        "over 200 resamplings of the fit patients to the size of the calibration."
    )
    groups = ""
    if settings["groups"] is not None:
        groups = paragraph(
            f"Calibration is by {settings['groups']}. Groups that are too small to calibrate are "
            "shown by themselves here; calibration tests them together, as “other”."
        )
    return Section("How these numbers came about", text + groups)
