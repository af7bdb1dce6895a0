"""Which verdict speaks for its case, in the database: the SQL twin of `deciding_rows`."""

from __future__ import annotations

from sqlalchemy import ColumnElement, exists

from segqc_conformal.case_log import schema
from segqc_conformal.whole_case import WHOLE_CASE

__all__ = ["deciding_verdict"]


def deciding_verdict() -> ColumnElement[bool]:
    """Return the condition on a row of ``verdicts``: ``whole_case``, or the only row of its case.

    Notes
    -----
    Guarantee: none.
    """
    verdicts, beside = schema.verdicts.c, schema.verdicts.alias()
    alone = ~exists().where(
        beside.c.sequence == verdicts.sequence, beside.c.structure != verdicts.structure
    )
    return (verdicts.structure == WHOLE_CASE) | alone
