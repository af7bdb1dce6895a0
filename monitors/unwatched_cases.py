"""Cases that a watch could not take, kept in mind until cases of their site can be taken again."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

__all__ = ["UnwatchedCases"]


class UnwatchedCases:
    """How many of the last cases of each site could not be watched.

    Parameters
    ----------
    state : mapping, optional
        What `state` returned.

    Notes
    -----
    Guarantee: none.

    Examples
    --------
    >>> found, now = UnwatchedCases(), datetime(2026, 11, 28)
    >>> found.note("C", now)
    >>> found.reasons(now, timedelta(days=30))
    ['the last case of site C could not be watched']
    >>> found.forget("C")
    >>> found.reasons(now, timedelta(days=30))
    []
    """

    def __init__(self, state: Mapping[str, Any] | None = None) -> None:
        self._sites: dict[str, list[Any]] = {
            site: list(each) for site, each in (state or {}).items()
        }

    def note(self, site: str, now: datetime) -> None:
        """Count one more."""
        count = self._sites.get(site, [0])[0]
        self._sites[site] = [count + 1, now.isoformat()]

    def forget(self, site: str) -> None:
        """Take note that a case of the site could be taken."""
        self._sites.pop(site, None)

    def reasons(self, now: datetime, memory: timedelta) -> list[str]:
        """Say it of each site of which it happened within `memory`."""
        return [
            f"the last {_cases(count)} of site {site} could not be watched"
            for site, (count, at) in sorted(self._sites.items())
            if now < datetime.fromisoformat(at) + memory
        ]

    def state(self) -> dict[str, Any]:
        """Return everything needed to go on, as JSON values."""
        return self._sites


def _cases(count: int) -> str:
    return "case" if count == 1 else f"{count} cases"
