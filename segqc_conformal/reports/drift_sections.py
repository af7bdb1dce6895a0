"""What the monitors say, in words for a person."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from html import escape

import pandas as pd

from segqc_conformal.reports.monitor_evidence import StreamEvidence
from segqc_conformal.reports.page import Section, folded, notice, number, paragraph, table

__all__ = ["happened", "in_short", "meaning", "streams"]

EVENTS_SHOWN = 50
NAMED, STREAMS_SHOWN = 3, 10
VERSION_LENGTH = 64  # a version's name, of which the first digits are shown


def in_short(states: Sequence[StreamEvidence], cases: int, times: pd.Series) -> Section:
    """Say in a sentence or two whether something changed, in how many cases of which time."""
    alarmed = [state for state in states if state.alarmed]
    if not states:
        text = notice("No monitor has reported yet; the figures below are descriptive.", "plain")
    elif alarmed:
        more = f" and {len(alarmed) - NAMED} more (listed below)" if len(alarmed) > NAMED else ""
        names = ", ".join(state.name for state in alarmed[:NAMED])
        since = next((state.change_point for state in alarmed if state.change_point), None)
        text = notice(
            "Alarm (WATCH): new cases no longer look like the calibration cases"
            f"{'' if since is None else f', since about case {since}'}. Noticed in: {names}{more}. "
            "Do not rely on the promises until audits clear the change or the gate is "
            "recalibrated.",
            "caution",
        )
    else:
        closest = max(states, key=lambda state: state.log_evidence - state.alarm_level)
        text = notice(
            f"No alarm. The evidence of {len(states)} streams stays below its alarm level; closest "
            f"is {closest.name}, {number(closest.log_evidence, 1)} of "
            f"{number(closest.alarm_level, 1)}.",
            "good",
        )
    known = pd.to_datetime(times, utc=True, errors="coerce").dropna()
    when = f", from {known.min():%Y-%m-%d} to {known.max():%Y-%m-%d}" if len(known) else ""
    shown = paragraph(f"{cases} recent cases are shown{when}.")
    return Section("Did the cases change?", text + shown)


def streams(states: Sequence[StreamEvidence]) -> str:
    """Tabulate the evidence of each stream against its alarm level, the closest to it first."""
    if not states:
        return paragraph("No monitor has run.")
    ordered = sorted(states, key=lambda state: state.alarm_level - state.log_evidence)
    head = ("stream", "log evidence", "alarm level", "state")
    rows = [
        (
            state.name,
            number(state.log_evidence, 2),
            number(state.alarm_level, 2),
            "ALARM" if state.alarmed else "quiet",
        )
        for state in ordered
    ]
    text = paragraph(
        "Evidence grows while new cases look unlike the calibration cases and shrinks while they "
        "look alike. A stream alarms when it reaches its level; levels share the false-alarm "
        "bound between the streams. Streams that alarmed themselves are where the change was "
        "seen; the order of the others is descriptive."
    )
    shown, rest = rows[:STREAMS_SHOWN], rows[STREAMS_SHOWN:]
    folded_rest = folded(f"{len(rest)} more streams", table(head, rest)) if rest else ""
    return f"{text}{table(head, shown)}{folded_rest}"


def meaning() -> Section:
    """Say what an alarm means, and what it does not."""
    points = (
        "An alarm means: new cases are statistically unlike the calibration cases, so the promises "
        "of the gate no longer stand on firm ground.",
        "It does not mean that masks became worse. No reference mask was looked at; whether harm "
        "was done only audits can tell. Raise the audit rate.",
        "No alarm does not mean that all is well: a change that leaves the features as they are "
        "cannot be seen without labels.",
        "Within its horizon a monitor's false-alarm bound holds however often one looks. The "
        "p-values of the detailed comparison below have no such bound: with many columns and many "
        "reports some will be small by chance. They decide nothing.",
        "The place where a change began is an estimate.",
    )
    items = "".join(f"<li>{escape(point)}</li>" for point in points)
    return Section("What an alarm means, and what not", f"<ul>{items}</ul>")


def happened(events: pd.DataFrame | None) -> Section:
    """List the latest events of the log, the newest first."""
    if events is None or events.empty:
        return Section("What happened", paragraph("No events were recorded."))
    latest = events.tail(EVENTS_SHOWN).iloc[::-1]
    head = [str(name) for name in latest.columns]
    rows = [[_told(value) for value in row] for row in latest.itertuples(index=False)]
    return Section("What happened", table(head, rows))


def _told(value: object) -> object:
    if isinstance(value, Mapping):
        return ", ".join(f"{key}: {_short(value[key])}" for key in value if key != "evidence")
    return f"{value:%Y-%m-%d %H:%M}" if isinstance(value, pd.Timestamp) else value


def _short(detail: object) -> str:
    if isinstance(detail, list):
        return "; ".join(str(each) for each in detail)
    if isinstance(detail, Mapping):
        return "; ".join(f"{key}: {each}" for key, each in detail.items())
    text = str(detail)
    return text[:12] if len(text) == VERSION_LENGTH else text
