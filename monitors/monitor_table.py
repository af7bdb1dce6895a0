"""The audits of a version as a table, and its settings in words."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import Any

import pandas as pd

from segqc_conformal.monitors.audited_promises import ACCEPTED_ERROR, MISCOVERAGE
from segqc_conformal.monitors.pace import audits_in_words, cases_per_day, false_alarms_in_words
from segqc_conformal.monitors.version_monitor import VersionMonitor

__all__ = ["audits_table", "settings_in_words"]

COLUMNS = ("segment", "promise", "site", "audits", "wrong", "rate", "between", "waiting")


def audits_table(monitor: VersionMonitor) -> pd.DataFrame:
    """Return one row per segment and promise, and below it one per site.

    Returns
    -------
    DataFrame
        ``segment, promise, site, audits, wrong, rate, between, waiting``; ``between`` is a
        confidence sequence of the average risk, ``rate`` the observed one.

    Notes
    -----
    Guarantee: of ``between``, that of `RiskSequence`; for a segment on its own, for its sites all
    at once. Nothing is promised for a site unless the gate promises by site.
    """
    rows = []
    for segment in monitor:
        for promise, found in segment.evidence().items():
            if promise not in (ACCEPTED_ERROR, MISCOVERAGE):
                continue
            name = segment.segment.name
            rows.append((name, promise, "all", *_counted(found), f"{found['waiting']}"))
            rows += [
                (name, promise, site, *_counted(each), "")
                for site, each in found["sites"].items()
                if len(found["sites"]) > 1
            ]
    return pd.DataFrame(rows, columns=list(COLUMNS))


def _counted(found: dict[str, Any]) -> tuple[int, str, str, str]:
    audits, losses, (low, high) = found["audits"], found["losses"], found["interval"]
    rate = f"{losses / audits:.3f}" if audits else "-"
    return audits, f"{losses:g}", rate, f"{low:.3f} to {high:.3f}"


def settings_in_words(
    monitor: VersionMonitor, pace: tuple[int, datetime | None, datetime | None]
) -> Iterator[str]:
    """Say what the settings promise, in cases, audits and days.

    Parameters
    ----------
    monitor : VersionMonitor
    pace : (int, datetime or None, datetime or None)
        As `CaseLog.pace` returns it.
    """
    daily = cases_per_day(*pace)
    yield false_alarms_in_words(monitor.settings, daily)
    for segment in monitor:
        name, tolerated = segment.segment.name, segment.segment.tolerated_error
        prefix = "" if name == "all" else f"{name}: "
        if segment.segment.coverage is None:
            yield f"{prefix}coverage is not tested: {segment.segment.no_coverage}"
        if tolerated is None:
            yield f"{prefix}no accepted error is tested: {segment.segment.no_accept}."
            continue
        audits = segment.evidence()[ACCEPTED_ERROR]["audits"]
        share = None if daily is None or not pace[0] or not audits else daily * audits / pace[0]
        yield prefix + audits_in_words(monitor.settings, tolerated, segment.share, share)
