"""Where the change is: our own streams first, then what a classifier makes of the columns."""

from __future__ import annotations

from collections.abc import Sequence

from segqc_conformal.reports.domain_classifier import DomainClassifier
from segqc_conformal.reports.drift_sections import streams
from segqc_conformal.reports.monitor_evidence import StreamEvidence
from segqc_conformal.reports.page import Section, number, paragraph, table

__all__ = ["ranking"]

IMPORTANT = 10  # columns listed


def ranking(states: Sequence[StreamEvidence], classifier: DomainClassifier | str) -> Section:
    """Rank the streams by their evidence, and the columns by their importance.

    Parameters
    ----------
    states : sequence of StreamEvidence
    classifier : DomainClassifier or str
        Or why there is none.
    """
    return Section(
        "Where is the change?",
        f"<h3>By the monitors</h3>{streams(states)}"
        f"<h3>By a classifier (descriptive)</h3>{_classified(classifier)}",
    )


def _classified(found: DomainClassifier | str) -> str:
    if isinstance(found, str):
        return paragraph(found)
    said = (
        "It cannot tell the two kinds apart, so the ranking below means nothing."
        if found.low <= 0.5 <= found.high
        else "It can tell the two kinds apart: something differs."
        if found.low > 0.5
        else "It does worse than chance: what it learned does not hold for other patients."
    )
    text = paragraph(
        f"A classifier learned to tell {found.fitted[1]} recent patients from {found.fitted[0]} "
        f"calibration patients. On {found.held_out[1]} and {found.held_out[0]} others it ranks a "
        f"recent patient above a calibration patient in {number(100 * found.auc, 0)} of 100 pairs "
        f"(AUC {number(found.auc)}, 95 % interval {number(found.low)} to {number(found.high)}; "
        f"0.50 is chance). {said}"
    )
    rows = [
        (place, row["column"], number(row["drop"], 3))
        for place, row in enumerate(found.importance.head(IMPORTANT).to_dict("records"), 1)
    ]
    note = paragraph(
        "Importance: by how much the AUC falls when this column alone is shuffled. Columns that "
        "say the same share it. It describes, has no bound on false alarms, and decides nothing.",
        "note",
    )
    return text + table(("place", "structure: quantity", "importance"), rows) + note
