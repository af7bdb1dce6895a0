"""Streams of real volumes and tiles, as a part of the monitors' section."""

from __future__ import annotations

from typing import Any

from markdown_table import table
from monitors_targets import spread

WORDS = {
    "hippocampus": "hippocampus: another contrast",
    "nuclei": "nuclei: from fluorescence to stained and bright-field tissue",
}


def real_section(real: dict[str, Any]) -> str:
    """Write the part; every number in it comes from `real`."""
    noticed, figures = [], []
    for name, found in real.items():
        watch, of = found["watch"], f"of {found['splits']}"
        noticed.append((WORDS[name], "WATCH", spread(watch), "", *_counts(watch, of)))
        for rate, rows in found["harm"].items():
            cases = rows["case"]
            monitor = f"HARM on intervals, audits at rate {rate}"
            audits = spread(rows["audit"])
            noticed.append((WORDS[name], monitor, spread(cases), audits, *_counts(cases, of)))
        accepted = found["accepted_harm"]
        monitor = "HARM on accepted cases, all audited"
        noticed.append((WORDS[name], monitor, spread(accepted), "", *_counts(accepted, of)))
        figures.append(
            (
                WORDS[name],
                f"{found['quiet']} + {found['changed']}",
                *(f"{value:.3f}" for value in found["missed"]),
                f"{found['tested']:.3f}",
                f"{found['above']} {of}",
                *(f"{value:.3f}" for value in found["accepted"]),
                f"{found['accepted_bad']:.2f}",
                ", ".join(f"`{stream}` {n}" for stream, n in found["first_streams"].items()),
            )
        )
    head = (
        "stream",
        "monitor",
        "cases since the change, median [95 %] (90 %)",
        "audits",
        "never",
        "before the change",
    )
    what = (
        "stream",
        "quiet + changed cases",
        "missed before",
        "missed after",
        "tested (median)",
        "splits above it",
        "accepted before",
        "accepted after",
        "of these bad",
        "WATCH alarms first in",
    )
    return f"""### Real streams

A gate is calibrated on scans of which half are degraded (hippocampus 60 patients to fit and 80 to
calibrate, nuclei 150 and 150); then other patients come in a random order, each once, first of the
same kinds, and from one case on of a kind never seen. WATCH has the accept score and all features
of the table. HARM audits whether Dice lies in its interval, at one rate over all cases, above what
the calibration allows (`coverage_bound`). Hippocampus has {real["hippocampus"]["changed"]} changed
volumes in a split: for audits alone they are drawn with replacement, up to 1,000 audits.

{table(head, noticed)}

{table(what, figures)}

![Share of splits that have alarmed, by cases since the change](monitors_real.svg)

Both changes reach the accept score, so the gate refers nearly all such cases: hardly an accepted
one is left to audit, and what may break is the interval. On stained tissue it does, and audits of
all cases show it sooner than WATCH; one audit in four cases is later. In another contrast most
splits keep their coverage, as their intervals grow with their scale: WATCH tells of a change, and
there is little harm for HARM to notice."""


def _counts(row: dict[str, Any], of: str) -> tuple[str, str]:
    return f"{row['missed']} {of}", f"{row['early']} {of}"
