"""The border of the audited monitors: what a caller says about an audit is checked here, once."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

import numpy as np

from segqc_conformal.errors import InputError
from segqc_conformal.iso_times import in_utc

__all__ = ["checked_flag", "checked_loss", "checked_moment", "checked_settings", "checked_strata"]


def checked_flag(name: str, value: object, case_id: str) -> bool:
    """Return `value` if it is True or False; a missing label is neither."""
    if isinstance(value, bool | np.bool_):
        return bool(value)
    raise InputError(
        f"{name} as True or False", value, "leave audits out until their answer is known", case_id
    )


def checked_loss(value: float, case_id: str, name: str = "a loss") -> float:
    """Return `value` if it is a number in [0, 1]."""
    try:
        number = float(value)
    except (TypeError, ValueError):
        number = np.nan
    if 0.0 <= number <= 1.0:
        return number
    raise InputError(
        f"{name} in [0, 1]", value, "leave audits out until their answer is known", case_id
    )


def checked_moment(time: datetime, last: datetime | None, case_id: str | None = None) -> datetime:
    """Return `time` in UTC if it is one, and not before `last`."""
    if not isinstance(time, datetime) or time != time:  # pandas' NaT is not equal to itself
        raise InputError("a datetime", time, "give the time of the event", case_id)
    # pandas' nanoseconds would not survive a round trip
    moment = datetime.fromisoformat(in_utc(time).isoformat(timespec="microseconds"))
    if last is not None and moment < last:
        raise InputError(
            f"a time not before {last.isoformat()}, that of the last event",
            moment.isoformat(),
            "feed draws and answers in the order of their times",
            case_id,
        )
    return moment


def checked_strata(strata: Sequence[str] | None) -> tuple[str, ...] | None:
    """Return the declared strata if they are different names."""
    if strata is None:
        return None
    names = () if isinstance(strata, str) else tuple(strata)
    whole = all(isinstance(name, str) and name for name in names)
    if names and whole and len(set(names)) == len(names):
        return names
    raise InputError(
        "a list of different names of strata", strata, 'for example ["accepted/A", "accepted/B"]'
    )


def checked_settings(bound: float, horizon: int, false_alarm: float, stale_after_days: int) -> None:
    """Refuse settings out of range."""
    whole = [isinstance(n, int) and n >= 1 for n in (horizon, stale_after_days)]
    if not (all(whole) and 0.0 < false_alarm < 1.0):
        raise InputError(
            "horizon >= 1 (audits), false_alarm in (0, 1) and stale_after_days >= 1",
            (horizon, false_alarm, stale_after_days),
            "for example horizon=1_000, false_alarm=0.05, stale_after_days=30",
        )
    if not 0.0 < bound < 1.0:
        raise InputError("a bound in (0, 1)", bound, "give a probability")
