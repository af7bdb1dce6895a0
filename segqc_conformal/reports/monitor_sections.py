"""What the monitors decided, what audits said, and what is only estimated, for the drift report."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

import pandas as pd

from segqc_conformal.reports.page import Section, notice, number, paragraph, percent, table
from segqc_conformal.reports.promise_sections import display_name
from segqc_conformal.standing import Standing

__all__ = ["audits", "estimates", "segments"]

TONES = {"OK": "good", "BENIGN": "good", "STALE": "caution", "WATCH": "caution", "HARM": "caution"}
CALM = {
    "OK": "Nothing speaks against the promises.",
    "BENIGN": "Cases changed, and audits since then showed the promises to hold all the same.",
}


def segments(standings: Sequence[Standing]) -> Section:
    """Say for each segment whether its promises hold as far as is known."""
    if not standings:
        return Section(
            "Do the promises hold?",
            notice("No monitor has run; the figures below are descriptive.", "plain"),
        )
    parts = []
    for standing in standings:
        name = "" if standing.segment == "all" else f"{standing.segment}: "
        words = f"{standing.headline}." if standing.headline else CALM[standing.state]
        parts.append(notice(f"{name}{words}", TONES[standing.state]))
        if standing.headline:
            reasons = "".join(f"<li>{escape(reason)}</li>" for reason in standing.reasons)
            parts.append(f"<ul>{reasons}</ul>")
    return Section("Do the promises hold?", "".join(parts))


def audits(told: pd.DataFrame) -> Section:
    """Tabulate what audits said, by promise and stratum."""
    if told.empty:
        text = paragraph(
            "No audit has come back. Without audits a change can be seen, but not whether it does "
            "harm: draw some with `segqc audit next`."
        )
        return Section("Audits", text)
    text = paragraph(
        "A case is wrong where its Dice lies at or below the threshold although it was accepted "
        "(accepted error), or outside its interval (miscoverage). “between” gives the ends "
        "of the average risk of all audits so far, at every number of audits at once; where audits "
        "became more frequent, later cases weigh more in it. "
        "Of one site nothing is promised unless the gate promises by site."
    )
    return Section("Audits", text + table(list(told.columns), told.to_numpy().tolist()))


def estimates(found: pd.DataFrame) -> Section:
    """Tabulate what Dice would be if the scores meant what they meant at calibration."""
    if found.empty:
        return Section(
            "Estimates without labels",
            paragraph("None: the recent cases do not have the features that the gate reads."),
        )
    head = (
        "structure",
        "recent cases",
        "mean Dice at calibration",
        "now: direct",
        "now: thresholded confidence",
        "now: difference of confidences",
        "bad at calibration",
        "bad now: direct",
        "bad now: thresholded confidence",
    )
    figures = found.drop(columns=["structure", "cases"]).to_numpy(dtype=float)
    rows = [
        (display_name(name), cases, *map(number, means), *map(percent, shares))
        for name, cases, means, shares in zip(
            found["structure"], found["cases"], figures[:, :4], figures[:, 4:], strict=True
        )
    ]
    text = paragraph(
        "No reference mask was looked at. These figures suppose that a mask with a given score is "
        "as good as it was at calibration: right where cases become harder and the scores say so, "
        "wrong where masks become worse unnoticed. They are shown, and decide nothing."
    )
    return Section("Estimates without labels", text + table(head, rows))
