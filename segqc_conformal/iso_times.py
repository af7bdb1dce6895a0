"""Times: ISO 8601 in, UTC inside; a time without a zone is taken as UTC, never as local time."""

from __future__ import annotations

from datetime import UTC, datetime

import pandas as pd

from segqc_conformal.errors import InputError

__all__ = ["in_utc", "utc_times"]


def in_utc(time: datetime) -> datetime:
    """Return `time` in UTC.

    Examples
    --------
    >>> in_utc(datetime(2026, 11, 23, 8)).isoformat()
    '2026-11-23T08:00:00+00:00'
    """
    return time.replace(tzinfo=UTC) if time.tzinfo is None else time.astimezone(UTC)


def utc_times(column: pd.Series, where: str) -> pd.Series:
    """Read a column of times; `where` names it in the error.

    Raises
    ------
    InputError
        If a time cannot be read.

    Examples
    --------
    >>> str(utc_times(pd.Series(["2026-11-23T08:00Z", None]), "column time")[0])
    '2026-11-23 08:00:00+00:00'
    """
    try:
        return pd.to_datetime(column, utc=True, format="ISO8601")
    except (ValueError, TypeError) as error:
        raise InputError(
            f"ISO 8601 times in {where}", error, "write them as 2026-11-23T08:00Z"
        ) from error
