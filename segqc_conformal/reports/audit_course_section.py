"""What audits said over time: each promise's running risk between two ends that may be watched."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd

from segqc_conformal.monitors.audit_course import AuditCourse
from segqc_conformal.reports.page import Section, figure, number, paragraph, percent
from segqc_conformal.reports.plots import ACCEPTED, INK, SOFT, WRONG, styled

__all__ = ["audits_over_time"]

BAND = "rgba(28,110,140,0.14)"
WORDS = {
    "accepted error": "Accepted although bad (accepted error)",
    "miscoverage": "Dice outside its interval (miscoverage)",
}


def audits_over_time(courses: Sequence[AuditCourse]) -> Section:
    """Draw each promise's audits in order, with the bound and the alarms."""
    title = "Audits over time"
    if not courses:
        return Section(title, paragraph("Nothing to draw: no audit has been answered and counted."))
    several = len({course.segment for course in courses}) > 1
    figures = "".join(
        figure(
            _plot(course),
            f"{course.segment}: {WORDS[course.promise]}" if several else WORDS[course.promise],
            _caption(course),
        )
        for course in courses
    )
    shares = sorted({course.share for course in courses})
    # rounded down: a chance is never overstated
    chance = " or ".join(f"{math.floor(1e3 * (1.0 - share) + 1e-9) / 10:g} %" for share in shares)
    text = paragraph(
        "The line is the share of wrong cases among the audits so far, in the order of their "
        "answers. While the true share stays as it is, the shaded band holds it at every number of "
        f"audits at once, with a chance of at least {chance} for each band; where it moves, the "
        "band speaks of its average so far. Both begin anew where the audit rate changed, as "
        "audits drawn at different rates are no random sample together."
    )
    note = paragraph(
        "Shown, and decides nothing: only the monitors alarm, by tests and error chances of their "
        "own. The chances of these bands are not in the account that `segqc status` prints.",
        "note",
    )
    return Section(title, f'{text}<div class="grid">{figures}</div>{note}')


def _caption(course: AuditCourse) -> str:
    last = course.rows.iloc[-1]
    since = " since the audit rate last changed" if last["period"] else ""
    wrong = round(last["risk"] * last["audits"])
    found = (
        "The band lies above the bound."
        if last["low"] > course.bound
        else "The band lies below the bound."
        if last["high"] <= course.bound
        else "The band holds the bound, so these audits settle nothing alone."
    )
    return (
        f"{wrong} of {last['audits']:.0f} audits wrong{since}: {percent(last['risk'], 1)}, between "
        f"{percent(last['low'], 1)} and {percent(last['high'], 1)}; bound "
        f"{percent(course.bound, 1)}. {found}"
    )


def _plot(course: AuditCourse) -> Any:
    from plotly import graph_objects as go

    rows = course.rows
    plot = go.Figure()
    for period, part in rows.groupby("period"):
        places = [*(part.index + 1)]
        ends = {"x": places + places[::-1], "y": [*part["high"], *part["low"][::-1]]}
        plot.add_scatter(
            **ends, fill="toself", fillcolor=BAND, mode="none", hoverinfo="skip", showlegend=False
        )
        plot.add_scatter(
            x=places,
            y=part["risk"].tolist(),
            mode="lines+markers" if len(part) == 1 else "lines",
            line={"color": ACCEPTED, "width": 2},
            text=[_hover(row) for row in part.to_dict("records")],
            hovertemplate="%{text}<extra></extra>",
            showlegend=False,
        )
        if period:
            _mark(plot, places[0] - 0.5, "rate changed", SOFT, "bottom")
    plot.add_hline(
        y=course.bound,
        line={"color": WRONG, "width": 1, "dash": "dash"},
        annotation={"text": "bound", "font": {"size": 11, "color": WRONG}, "xanchor": "right"},
    )
    if course.watch_at is not None:
        _mark(plot, course.watch_at + 0.5, "WATCH", INK, "top")
    if course.harm_at is not None:
        _mark(plot, course.harm_at + 1, "HARM", WRONG, "top")
    plot.update_xaxes(range=[0.5, len(rows) + 0.5 + 0.02 * len(rows)])
    plot.update_yaxes(range=[0, _top(rows, course.bound)], tickformat=".0%")
    return styled(plot, "audits, in the order of their answers", "share wrong", height=300)


def _mark(plot: Any, x: float, text: str, colour: str, end: str) -> None:
    plot.add_vline(
        x=x,
        line={"color": colour, "width": 1.5, "dash": "dot"},
        annotation={"text": text, "font": {"size": 11, "color": colour}},
        annotation_position=f"{end} right",
    )


def _top(rows: pd.DataFrame, bound: float) -> float:
    """High enough for what is known in the end, not for the first audits' wide bands."""
    settled = rows.groupby("period")["high"].last().max()
    return float(min(1.0, 1.3 * max(settled, rows["risk"].iloc[-1], 2 * bound)))


def _hover(row: Mapping[Any, Any]) -> str:
    said = "wrong" if row["loss"] else "as promised"
    return (
        f"audit {row['audits']} ({row['time']:%Y-%m-%d}): {said}<br>so far {number(row['risk'])}, "
        f"between {number(row['low'])} and {number(row['high'])}"
    )
