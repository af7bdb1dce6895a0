"""What the settings of the monitors mean in days, at the pace at which cases come here."""

from __future__ import annotations

from datetime import datetime

from segqc_conformal.calibrators.checks import percent
from segqc_conformal.monitors.label_budget import label_budget
from segqc_conformal.monitors.monitor_settings import MonitorSettings

__all__ = ["audits_in_words", "cases_per_day", "false_alarms_in_words"]


def cases_per_day(cases: int, first: datetime | None, last: datetime | None) -> float | None:
    """Return how many cases come in a day; None where times do not say.

    Examples
    --------
    >>> cases_per_day(21, datetime(2026, 11, 1), datetime(2026, 11, 11))
    2.0
    """
    if first is None or last is None or cases < 2 or last <= first:
        return None
    return (cases - 1) / ((last - first).total_seconds() / 86_400)


def false_alarms_in_words(settings: MonitorSettings, pace: float | None) -> str:
    """Say how often a false WATCH alarm may come.

    Examples
    --------
    >>> print(false_alarms_in_words(MonitorSettings(), 40.0))
    At most a 5% chance of a false WATCH in 10000 cases (about 250 days at 40 cases a day).
    """
    days = ""
    if pace:
        days = f" (about {_days(settings.horizon / pace)} at {pace:.3g} cases a day)"
    return (
        f"At most a {percent(settings.false_alarm)} chance of a false WATCH in {settings.horizon} "
        f"cases{days}."
    )


def audits_in_words(
    settings: MonitorSettings,
    tolerated_error: float,
    share: float,
    audits_per_day: float | None,
) -> str:
    """Say how many audits it takes until a doubled error of accepted cases is noticed.

    Parameters
    ----------
    settings : MonitorSettings
    tolerated_error : float
    share : float
        Of the settings' d, for this segment.
    audits_per_day : float or None
        Audits of accepted cases.
    """
    budget = label_budget(
        tolerated_error, 2.0, settings.audit_horizon, settings.audit_false_alarm * share
    )
    if budget.median is None:
        return "A doubled error is not noticed within the horizon of the audits, as a rule."
    late = f"{budget.p90}" if budget.p90 is not None else f"over {settings.audit_horizon}"
    days = ""
    if audits_per_day:
        days = f": {_days(budget.median / audits_per_day)} at {audits_per_day:.2g} audits a day"
    return (
        f"If twice the tolerated error were made, it would take about {budget.median} audits of "
        f"accepted cases to notice (in 1 of 10 cases {late} or more){days}."
    )


def _days(number: float) -> str:
    return f"{number:.0f} days" if number < 1_000 else f"{number / 365.25:.1f} years"
