"""The calibration report: what a gate promises and how well it does, for clinician and engineer."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from pathlib import Path

import pandas as pd

from segqc_conformal.gate import CalibratedGate
from segqc_conformal.reports.evidence_sections import accept_sequence, coverage, predictions, risk
from segqc_conformal.reports.first_looks import case_cards, cases_to_look_at
from segqc_conformal.reports.page import Section, paragraph, table, write_page
from segqc_conformal.reports.picture import Picture
from segqc_conformal.reports.promise_sections import key_numbers, limits, promises
from segqc_conformal.reports.record_sections import left_out, record
from segqc_conformal.reports.shift_section import shift_sensitivity
from segqc_conformal.reports.shown_cases import ShownCases, shown_cases
from segqc_conformal.reports.summary_section import summary

__all__ = ["write_report"]

Story = Sequence[tuple[str, str | Sequence[Sequence[object]]]]


def write_report(
    path: str | Path,
    gate: CalibratedGate,
    evaluation: pd.DataFrame | None = None,
    pictures: Mapping[str, Picture] | None = None,
    story: Story | None = None,
    now: datetime | None = None,
) -> Path:
    """Write the report of a calibrated gate as one self-contained HTML page.

    Parameters
    ----------
    path : str or Path
        The file, replaced at once.
    gate : CalibratedGate
    evaluation : DataFrame, optional
        Verdicts of `gate` joined with ``dice``, of labelled cases that neither fitted nor
        calibrated. None: the calibration cases are shown, and the page says so.
    pictures : mapping of str to Picture, optional
        By case id; see `cases_to_look_at` for the cases worth one.
    story : sequence of (title, content), optional
        More sections, after the evidence. A content is rows of a table, heads first, or HTML that
        is put in as it is: build it with `page.paragraph`, `page.table` and `page.figure`.
    now : datetime, optional
        Printed at the foot; None: the time of the call.

    Returns
    -------
    Path

    Raises
    ------
    InputError
        If `evaluation` lacks columns or holds verdicts of another gate.

    Notes
    -----
    Guarantee: none; the page repeats the promises of the certificates word for word.
    """
    cases = shown_cases(gate, evaluation)
    sections = [
        summary(gate, cases),
        promises(gate),
        limits(gate),
        key_numbers(gate, cases),
        predictions(gate, cases),
        coverage(gate, cases),
        risk(gate, cases),
        shift_sensitivity(gate),
        *(Section(title, _told(content)) for title, content in story or ()),
        _first_looks(gate, cases, pictures or {}),
        accept_sequence(gate),
        left_out(gate),
        record(gate),
    ]
    structures = ", ".join(gate.structures)
    subtitle = f"Calibration {gate.id[:12]}: {structures}"
    return write_page(path, "Segmentation quality report", subtitle, sections, now)


def _told(content: str | Sequence[Sequence[object]]) -> str:
    if isinstance(content, str):
        return content
    head, *rows = content
    return table([str(name) for name in head], rows)


def _first_looks(
    gate: CalibratedGate, cases: ShownCases, pictures: Mapping[str, Picture]
) -> Section:
    chosen = cases_to_look_at(cases.rows, gate.certificate.settings["dice_threshold"])
    if chosen.empty:
        return Section("Cases to look at first", paragraph("There are no labelled cases to show."))
    return Section("Cases to look at first", case_cards(chosen, pictures))
