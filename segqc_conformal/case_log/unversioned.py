"""Databases from before revisions were noted in them: recognised by their columns."""

from __future__ import annotations

from sqlalchemy import Connection, inspect

from segqc_conformal.case_log.schema import METADATA
from segqc_conformal.errors import FileFormatError

__all__ = ["revision_by_columns"]

BOTH = {
    "cases": "sequence case_id patient_id site time model_id calibration repeat",
    "verdicts": "sequence structure predicted_dice dice_low dice_high accept accept_score reason "
    "message",
    "features": "sequence structure sampler_id schema_version judged failed features",
    "monitor_state": "name calibration cursor state",
    "events": "number time kind detail",
}
FORMS = {
    "0001": {
        **BOTH,
        "audit_draws": "first_sequence last_sequence probability drawn_at",
        "audits": "sequence structure dice probability drawn_at answered_at reference_kind",
    },
    "0002": {
        **BOTH,
        "audit_draws": "first_sequence last_sequence drawn_at rates",
        "audits": "sequence stratum epoch probability common drawn_at answered_at reference_kind "
        "answer_number",
        "audit_dice": "sequence structure dice",
    },
}


def revision_by_columns(connection: Connection) -> str | None:
    """Return the revision whose tables these are; None where there is no table of a log.

    Raises
    ------
    FileFormatError
        If there are tables of a log, or of something else by the same names, that fit none.
    """
    inspector = inspect(connection)
    present = sorted(set(METADATA.tables) & set(inspector.get_table_names()))
    if not present:
        return None
    found = {name: {each["name"] for each in inspector.get_columns(name)} for name in present}
    for revision, form in FORMS.items():
        if found == {name: set(columns.split()) for name, columns in form.items()}:
            return revision
    told = "; ".join(f"{name} ({', '.join(sorted(found[name]))})" for name in present)
    raise FileFormatError(
        "an empty database, or the tables of a case log",
        f"other tables by the same names: {told}",
        "use another database, or restore the log from a backup",
    )
