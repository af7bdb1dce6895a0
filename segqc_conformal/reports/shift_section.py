"""How much shift breaks the promises of a gate, as a section of its report."""

from __future__ import annotations

from collections.abc import Iterator

from segqc_conformal.calibrators.interval_certificate import IntervalCertificate
from segqc_conformal.calibrators.shift_sensitivity import (
    ShiftSensitivity,
    accept_sensitivity,
    interval_sensitivity,
)
from segqc_conformal.gate import CalibratedGate
from segqc_conformal.reports.page import Section, paragraph, percent, table
from segqc_conformal.reports.promise_sections import display_name
from segqc_conformal.reports.shown_cases import structures_in_order

__all__ = ["shift_sensitivity"]

HEAD = ("structure", "promise", "failures, at most", "limit", "shift that keeps it")


def shift_sensitivity(gate: CalibratedGate) -> Section:
    """Tabulate how much shift each promise survives, and say it in words for the first structure.

    Parameters
    ----------
    gate : CalibratedGate

    Returns
    -------
    Section

    Notes
    -----
    Guarantee: see `interval_sensitivity` and `accept_sensitivity`.
    """
    found = [pair for name in structures_in_order(gate) for pair in _of(gate, name)]
    text = paragraph(
        "The promises hold for patients like those of calibration. Suppose that some new patients "
        "are of a kind that calibration never saw, and that all of these go wrong: how many of 100 "
        "may there be until the failures exceed the promise by five points? The monitors watch for "
        "such a change."
    )
    rows = [
        (
            name,
            one.promise,
            percent(one.rate, 1),
            percent(one.limit, 1),
            f"{100.0 * one.shift:.1f} of 100 patients",
        )
        for name, one in found
    ]
    first = found[0][0] if found else ""
    words = "".join(paragraph(one.in_words, "note") for name, one in found if name == first)
    nothing = paragraph("No promise about one population is here that a shift could break.")
    body = table(HEAD, rows) + words if rows else nothing
    return Section("How much shift breaks the promise", text + body)


def _of(gate: CalibratedGate, name: str) -> Iterator[tuple[str, ShiftSensitivity]]:
    entry, shown = gate.certificate.structures[name], display_name(name)
    interval = entry.interval
    # a quantile: neither by group nor all of [0, 1]
    if isinstance(interval, IntervalCertificate) and interval.quantile is not None:
        yield shown, interval_sensitivity(interval)
    for group, accept in entry.accept.by_group.items():
        found = accept_sensitivity(accept)
        if found is not None:
            yield shown if accept.group is None else f"{shown}, {group}", found
