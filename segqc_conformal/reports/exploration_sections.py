"""The forecasts of an exploration, a section each: acceptance, risk, width, shift."""

from __future__ import annotations

import pandas as pd

from segqc_conformal.exploration import Exploration
from segqc_conformal.planning_words import chance_in_words, per_cent
from segqc_conformal.reports.exploration_names import (
    label_of,
    name_of,
    rows_by_name,
    rows_whole_case_first,
    whole_case_first,
)
from segqc_conformal.reports.exploration_plots import (
    acceptance_map,
    risk_curves,
    widths_by_coverage,
)
from segqc_conformal.reports.page import (
    Section,
    figure,
    folded,
    number,
    paragraph,
    percent,
    table,
)

__all__ = ["acceptance", "curves", "numbers", "shifts", "widths"]


def acceptance(found: Exploration) -> Section:
    """Map the share accepted and P(certify) over tolerated errors and Dice thresholds."""
    panels = [
        figure(acceptance_map(rows, found.settings), name, "Framed: your settings.")
        for name, rows in rows_by_name(found.outcomes).items()
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


def numbers(found: Exploration) -> Section:
    """Tabulate what `acceptance` maps, folded by structure."""
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
    for name, rows in rows_by_name(found.outcomes).items():
        lines = [
            (
                f"{row['dice_threshold']:g}",
                percent(row["bad_share"]),
                per_cent(row["tolerated_error"]),
                chance_in_words(row["p_certify"]),
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


def curves(found: Exploration) -> Section:
    """Plot the share of bad masks among the accepted over the share accepted."""
    panels = []
    by_name: dict[str, list[int]] = {}
    for place, curve in enumerate(found.curves):
        by_name.setdefault(label_of(curve.structure, curve.group), []).append(place)
    for name in whole_case_first(by_name):
        drawn_here = [found.curves[place] for place in by_name[name]]
        caption = f"{len(drawn_here[0].share_accepted)} fit patients."
        drawn = risk_curves(drawn_here, found.settings["tolerated_error"])
        panels.append(figure(drawn, name, caption))
    text = paragraph(
        "From left to right more patients are accepted, the most trusted first; the curves are the "
        "share of bad masks among them, for each Dice threshold. Dashed: the tolerated error. Each "
        "patient was predicted by a model that had not seen that patient."
    )
    grid = f'<div class="grid">{"".join(panels)}</div>'
    return Section("Risk against share accepted", text + grid)


def widths(found: Exploration) -> Section:
    """Plot and tabulate the expected width of the interval by the coverage it promises."""
    title = "Width of the interval"
    if found.widths.empty:
        nobody = (
            "No patient is left to calibrate. With 20 to 39 labelled patients the interval is "
            "cross-conformal, whose width is not forecast here."
        )
        return Section(title, paragraph(nobody))
    by_name = rows_by_name(found.widths)
    rows = [
        (
            name,
            percent(1.0 - row["miscoverage"], 1),
            number(row["width"]),
            f"{number(row['width_low'])} to {number(row['width_high'])}",
        )
        for name, lines in by_name.items()
        for _, row in lines.iterrows()
    ]
    text = paragraph(
        "Mean width of the interval on Dice (0 is certain, 1 says nothing), by the coverage that "
        "it promises. The bars are where 90 of 100 calibrations of this size lie."
    )
    head = ("structure", "coverage promised", "expected mean width", "90 of 100 calibrations")
    drawn = figure(widths_by_coverage(by_name), "Width by coverage", "Bars: 5 to 95 %.")
    return Section(title, text + drawn + folded("Numbers", table(head, rows)))


def shifts(found: Exploration) -> Section:
    """Tabulate how much shift each choice survives."""
    settings = found.settings
    outcomes = rows_whole_case_first(found.at(settings["dice_threshold"]))
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
            name_of(row),
            per_cent(row["tolerated_error"]),
            _share(row["share_if_certified"]),
            "–" if pd.isna(row["shift"]) else f"{100.0 * row['shift']:.1f} of 100 patients",
        )
        for _, row in outcomes.iterrows()
    ]
    head = ("structure", "tolerated error", "accepted if certified", "shift that adds five points")
    return table(head, rows)


def _share(share: float | None) -> str:
    return "–" if share is None or pd.isna(share) else percent(share)
