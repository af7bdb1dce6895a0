"""The audits of a version as a table, and its settings in words."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime

import pandas as pd

from segqc_conformal.monitors.pace import audits_in_words, cases_per_day, false_alarms_in_words
from segqc_conformal.monitors.segment_monitor import ACCEPTED_ERROR
from segqc_conformal.monitors.version_monitor import VersionMonitor

__all__ = ["audits_table", "settings_in_words"]

COLUMNS = ("segment", "promise", "stratum", "audits", "wrong", "rate", "between", "waiting")


def audits_table(monitor: VersionMonitor) -> pd.DataFrame:
    """Return one row per segment, promise and stratum.

    Returns
    -------
    DataFrame
        ``segment, promise, stratum, audits, wrong, rate, between, waiting``; ``between`` is a
        confidence sequence of the average risk of the epoch in force, ``rate`` the observed one.

    Notes
    -----
    Guarantee: of ``between``, that of `StratumState.interval`.
    """
    rows = []
    for segment in monitor:
        for promise, found in segment.evidence().items():
            for stratum, place in found.get("strata", {}).items() if _audited(found) else ():
                low, high = place["interval"]
                rate = "-" if place["risk"] is None else f"{place['risk']:.3f}"
                rows.append(
                    (
                        segment.segment.name,
                        promise,
                        stratum,
                        place["audits"],
                        f"{place['losses']:g}",
                        rate,
                        f"{low:.3f} to {high:.3f}",
                        place["waiting"],
                    )
                )
    return pd.DataFrame(rows, columns=list(COLUMNS))


def _audited(found: object) -> bool:
    return isinstance(found, dict) and "strata" in found


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
            yield f"{prefix}nothing is accepted, so no accepted error is tested."
            continue
        audits = segment.evidence()[ACCEPTED_ERROR]["audits"]
        share = None if daily is None or not pace[0] or not audits else daily * audits / pace[0]
        yield prefix + audits_in_words(monitor.settings, tolerated, segment.share, share)
