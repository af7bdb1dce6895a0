"""Recalibration, as a section of docs/benchmarks.md."""

from __future__ import annotations

from typing import Any

from markdown_table import table
from recalibration_page_law import real_part, simulated_part
from recalibration_stream import AUDIT_RATE, PER_DAY
from recalibration_world import OURS, TWINS

WORDS = {
    "hippocampus": "Hippocampus in another contrast",
    "nuclei": "Nuclei in stained and bright-field tissue",
}
PHASES = {
    "before": "before the change",
    "changed": "after it, until the alarm",
    "under": "under the alarm",
    "after": "after recalibration",
    "twin": "the same cases, not recalibrated",
}


def section(figures: dict[str, Any]) -> str:
    """Write the section; every number in it comes from `figures`."""
    parts = [_head(figures), simulated_part(figures["simulated"])]
    if "real" in figures:
        parts[1:1] = [_phases(figures["real"]), _noticed(figures["real"])]
        parts.append(real_part(figures["real"]))
    return "\n\n".join([*parts, _limits(figures)])


def _head(figures: dict[str, Any]) -> str:
    rows = figures["simulated"]
    twins = [row[name] for row in rows for name in TWINS]
    versions = ", ".join(f"{name} {number}" for name, number in figures["versions"].items())
    minutes = ", ".join(f"{part} {number}" for part, number in figures["minutes"].items())
    return f"""## Recalibration: before, under and after an alarm

`SEGQC_DATA=... python benchmarks/recalibration.py --write` (`--quick`: seconds, as in the tests):
{figures["date"]}, {figures["machine"]}, minutes: {minutes}; seed {figures["seed"]}; {versions}.

**{sum(row[OURS]["kept"] for row in rows)} of {len(rows)} laws of coverage are kept,
{sum(not twin["kept"] for twin in twins)} of {len(twins)} twins are caught.**"""


def _phases(real: dict[str, Any]) -> str:
    lines = [
        (name, words, *_phase(found["phases"][phase]))
        for name, found in real.items()
        for phase, words in PHASES.items()
    ]
    head = (
        "stream",
        "phase",
        "cases in a split",
        "coverage (5–95 % of splits)",
        "mean width",
        'verdicts that say "suspended"',
        "accepted",
        "bad among accepted",
    )
    first = next(iter(real.values()))
    sizes = "\n".join(
        f"- {name}: {found['fit']} patients fit, {found['calibration']} calibrate, "
        f"{found['quiet']} come before the change."
        for name, found in real.items()
    )
    told = "\n".join(_told(name, found) for name, found in real.items())
    referred = ", ".join(
        f"{name} {found['refer']['accepted']} accepted in {found['refer']['streams']} splits"
        for name, found in real.items()
    )
    return f"""### What a hospital sees

{first["streams"]} splits of each data set, each a hospital of its own with a calibration folder, a
case log in SQLite, random audits and a run of the monitors every evening. {PER_DAY} patients come
each day, everyone once: first scans as in the calibration, half of them degraded, then a kind never
seen. A random quarter of all cases is audited with the true Dice (rate {AUDIT_RATE:g}). From the
evening of the alarm verdicts say that the promises are suspended, and every case is audited until
{first["wanted"]} new patients are labelled; on these the gate is recalibrated, and the new version
judges the patients that are left. Figures are of the whole case, intervals at 90 %, tolerated error
0.20. The quality predictor is one candidate of the default ones, a ridge on the agreement of the
samples: a forest would take most of the time to save and load.

{sizes}

In plain words:

{told}

{table(head, lines)}

"Accepted" is what passes with `on_watch="keep"`; after HARM every case is referred. With
`on_watch="refer"` nothing passes under an alarm ({referred}).
Verdicts no longer say that promises are suspended where audits closed the WATCH as BENIGN. Real
patients are shared by the splits, and a handful of them passed: these are counts, no test."""


def _told(name: str, found: dict[str, Any]) -> str:
    phases = found["phases"]
    coverage = {phase: f"{row['coverage']:.0%}".replace("%", " %") for phase, row in phases.items()}
    early = phases["changed"]
    return (
        f"- {WORDS[name]}. Intervals hold for {coverage['before']} of cases before the change and "
        f"for {coverage['changed']} after it. The alarm comes in the evening after "
        f"{found['delay'][1]:.0f} new cases (median); until then {early['accepted']} cases of "
        f"{early['cases'] * early['splits']:.0f} passed, {early['bad']} of them bad. With "
        f"{found['wanted']} labels intervals hold for {coverage['after']} again, at a mean width "
        f"of {phases['after']['width']:.2f}; the old version would have held for "
        f"{coverage['twin']} of the same cases at {phases['twin']['width']:.2f}. "
        f"{found['certified_after']} of {found['outcomes'].get('recalibrated', 0)} new versions "
        "certify an accept threshold; where none is certified every case is referred."
    )


def _phase(row: dict[str, Any]) -> tuple[str, ...]:
    if not row["splits"]:
        return ("–",) * 6
    low, high = row["spread"]
    bad = "–"
    if row["accepted"]:
        bad = f"{row['bad']} of {row['accepted']} ({row['bad'] / row['accepted']:.3f})"
    return (
        f"{row['cases']:.1f}",
        f"{row['coverage']:.3f} ({low:.2f}–{high:.2f})",
        f"{row['width']:.3f}",
        f"{100 * row['warned']:.0f} %",
        f"{100 * row['share_accepted']:.1f} %",
        bad,
    )


def _noticed(real: dict[str, Any]) -> str:
    lines = []
    for name, found in real.items():
        low, median, high = found["delay"]
        outcomes = ", ".join(f"{word} {count}" for word, count in found["outcomes"].items())
        lines.append(
            (
                name,
                ", ".join(f"{state} {count}" for state, count in found["first"].items()),
                found["early"],
                f"{median:.0f} ({low:.0f}–{high:.0f})",
                f"{found['audits']:.1f}",
                f"{found['labels']:.0f}",
                found["harm"],
                found["benign"],
                outcomes,
                f"{found['certified_before']} → {found['certified_after']}",
            )
        )
    head = (
        "stream",
        "first alarm, splits",
        "before the change",
        "new cases until the evening of the alarm, median (5–95 %)",
        "audits until then",
        "labels after it",
        "HARM in the end",
        "closed as BENIGN",
        "recalibration",
        "accept threshold certified, before → after",
    )
    return f"""### Alarms, labels, new versions

{table(head, lines)}"""


def _limits(figures: dict[str, Any]) -> str:
    left = ""
    if "real" in figures:
        phases = {name: found["phases"] for name, found in figures["real"].items()}
        counts = ", ".join(
            f"{name} {each['under']['cases'] + each['after']['cases']:.0f}"
            for name, each in phases.items()
        )
        left = f"""
- There are too few real patients to label 100 in a stream and judge others: so many of the new kind
  are left after the alarm, on average: {counts}. All are audited until there are enough labels; a
  hospital that audits one case in four waits four times as long."""
    return f"""### What these figures do not say

- A new version says how good masks are, it makes none better: where the model fails on the new
  kind, intervals become wide, no accept threshold is certified, and every case is referred.
- What came between the change and the alarm was judged under the old promise.
- A marginal interval holds on average over recalibrations. Whoever wants each of them to hold asks
  for a PAC interval (`interval_confidence`).{left}
- Labels are the true Dice, answered on the same day, and the new kind stays as it is. A change that
  goes on needs labels again: the new version has monitors of its own."""
