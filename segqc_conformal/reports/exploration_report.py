"""The page of `segqc calibrate --explore`: choosing the risk by the fit patients alone."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

import pandas as pd

from segqc_conformal.exploration import Exploration
from segqc_conformal.reports.exploration_plots import (
    acceptance_map,
    risk_curves,
    widths_by_coverage,
)
from segqc_conformal.reports.page import (
    Section,
    figure,
    folded,
    notice,
    number,
    paragraph,
    percent,
    table,
    write_numbers,
    write_page,
)
from segqc_conformal.reports.promise_sections import display_name
from segqc_conformal.whole_case import WHOLE_CASE

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
        _acceptance(found),
        _numbers(found),
        _curves(found),
        _widths(found),
        _shifts(found),
        _how(found),
    ]
    subtitle = (
        f"Seen on {found.patients_fit} fit patients, for a calibration on "
        f"{found.patients_calibration} others"
    )
    numbers = write_numbers(path, found.to_json())
    return write_page(path, "Choosing the risk", subtitle, sections, now), numbers


def _in_short(found: Exploration) -> Section:
    spends = notice(
        "No calibration label was read, so choosing by this page spends nothing. Choose before you "
        "calibrate; a choice made after seeing a certificate is another matter.",
        "good",
    )
    settings = found.settings
    outcomes = _in_order(found.at(settings["dice_threshold"]))
    chosen = outcomes[outcomes["tolerated_error"] == settings["tolerated_error"]]
    first = chosen[chosen["structure"] == chosen["structure"].iloc[0]]
    risk = (
        f"at Dice > {settings['dice_threshold']:g} and a tolerated error of "
        f"{percent(settings['tolerated_error'], 1)}"
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
        f"patients give an 80 % chance; {row['patients']} are there."
    )
    chance = f"a certificate comes with probability {percent(row['p_certify'])}"
    text = f"{_name(row)} {risk}: {chance}{then}. {needed}"
    kind = "plain" if row["p_certify"] >= 0.5 else "caution"
    return notice(text.replace(" %", "\u00a0%"), kind)


def _acceptance(found: Exploration) -> Section:
    panels = [
        figure(acceptance_map(rows, found.settings), name, "Framed: your settings.")
        for name, rows in _by_name(found.outcomes).items()
    ]
    text = paragraph(
        "Each field: the share of patients expected to be accepted (nobody where nothing can be "
        "certified), and below it P, the chance that a calibration of this size certifies "
        "anything. To the right more error is tolerated, further up more masks count as bad."
    )
    return Section(
        "Acceptance by tolerated error and Dice threshold",
        text + f'<div class="grid">{"".join(panels)}</div>',
    )


def _numbers(found: Exploration) -> Section:
    head = (
        "Dice threshold",
        "bad, of all",
        "tolerated error",
        "P(certify)",
        "accepted if certified",
        "accepted, expected",
        "patients needed",
    )
    parts = []
    for name, rows in _by_name(found.outcomes).items():
        lines = [
            (
                f"{row['dice_threshold']:g}",
                percent(row["bad_share"]),
                percent(row["tolerated_error"], 1),
                percent(row["p_certify"]),
                _share(row["share_if_certified"]),
                percent(row["share_accepted"]),
                "no number does" if row["patients_needed"] is None else row["patients_needed"],
            )
            for _, row in rows.iterrows()
        ]
        parts.append(folded(name, table(head, lines)))
    text = paragraph(
        "Patients needed: calibration patients for an 80 % chance of a certificate, at the "
        "threshold that needs the fewest, with half a bad patient more than seen."
    )
    return Section("The same in numbers", text + "".join(parts))


def _curves(found: Exploration) -> Section:
    panels = []
    by_name: dict[str, list[int]] = {}
    for place, curve in enumerate(found.curves):
        by_name.setdefault(_label(curve.structure, curve.group), []).append(place)
    for name in _ordered(by_name):
        curves = [found.curves[place] for place in by_name[name]]
        caption = f"{len(curves[0].share_accepted)} fit patients."
        drawn = risk_curves(curves, found.settings["tolerated_error"])
        panels.append(figure(drawn, name, caption))
    text = paragraph(
        "From left to right more patients are accepted, the most trusted first; the curves are the "
        "share of bad masks among them, for each Dice threshold. Dashed: the tolerated error. Each "
        "patient was predicted by a model that had not seen that patient."
    )
    grid = f'<div class="grid">{"".join(panels)}</div>'
    return Section("Risk against share accepted", text + grid)


def _widths(found: Exploration) -> Section:
    title = "Width of the interval"
    if found.widths.empty:
        nobody = (
            "No patient is left to calibrate. With 20 to 39 labelled patients the interval is "
            "cross-conformal, whose width is not forecast here."
        )
        return Section(title, paragraph(nobody))
    widths = _by_name(found.widths)
    rows = [
        (
            name,
            percent(1.0 - row["miscoverage"], 1),
            number(row["width"]),
            f"{number(row['width_low'])} to {number(row['width_high'])}",
        )
        for name, lines in widths.items()
        for _, row in lines.iterrows()
    ]
    text = paragraph(
        "Mean width of the interval on Dice (0 is certain, 1 says nothing), by the coverage that "
        "it promises. The bars are where 90 of 100 calibrations of this size lie."
    )
    head = ("structure", "coverage promised", "expected mean width", "90 of 100 calibrations")
    drawn = figure(widths_by_coverage(widths), "Width by coverage", "Bars: 5 to 95 %.")
    return Section(title, text + drawn + folded("Numbers", table(head, rows)))


def _shifts(found: Exploration) -> Section:
    settings = found.settings
    outcomes = _in_order(found.at(settings["dice_threshold"]))
    own = outcomes["tolerated_error"] == settings["tolerated_error"]
    text = paragraph(
        "If so many of 100 new patients are of a kind that calibration never saw, and all of these "
        "are accepted and bad, the share of bad ones among the accepted can grow by five points. "
        "The fewer a rule accepts, the less it takes."
    )
    others = folded("Other tolerated errors", _shift_table(outcomes[~own]))
    body = text + _shift_table(outcomes[own]) + others
    return Section("How much shift breaks the promise", body)


def _shift_table(outcomes: pd.DataFrame) -> str:
    rows = [
        (
            _name(row),
            percent(row["tolerated_error"], 1),
            _share(row["share_if_certified"]),
            "–" if pd.isna(row["shift"]) else f"{100.0 * row['shift']:.1f} of 100 patients",
        )
        for _, row in outcomes.iterrows()
    ]
    head = ("structure", "tolerated error", "accepted if certified", "shift that adds five points")
    return table(head, rows)


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


def _share(share: float | None) -> str:
    return "–" if share is None or pd.isna(share) else percent(share)


def _label(structure: str, group: str | None) -> str:
    name = display_name(structure)
    return name if group is None else f"{name}, {group}"


def _name(row: pd.Series) -> str:
    return _label(row["structure"], row.get("group"))


def _ordered(names: dict[str, list[int]]) -> list[str]:
    whole = display_name(WHOLE_CASE)
    return sorted(names, key=lambda name: not name.startswith(whole))


def _in_order(rows: pd.DataFrame) -> pd.DataFrame:
    # the whole case decides whether a case may pass: it comes first
    last = rows["structure"] != WHOLE_CASE
    return pd.concat([rows[~last], rows[last]])


def _by_name(rows: pd.DataFrame) -> dict[str, pd.DataFrame]:
    ordered = _in_order(rows)
    names = ordered.apply(_name, axis=1)
    return {str(name): part for name, part in ordered.groupby(names, sort=False)}
