"""What audits said at each site: shown, never tested."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from segqc_conformal.monitors.risk_sequence import risk_interval

__all__ = ["SiteCounts"]


class SiteCounts:
    """Audits and losses by promise and site.

    Parameters
    ----------
    state : mapping, optional
        What `state` returned.

    Notes
    -----
    Guarantee: none by itself; see `told`.

    Examples
    --------
    >>> counts = SiteCounts()
    >>> counts.add("miscoverage", "A", 1.0)
    >>> counts.told("miscoverage", share=0.05)["A"]["audits"]
    1
    """

    def __init__(self, state: Mapping[str, Any] | None = None) -> None:
        self._counts: dict[str, dict[str, list[float]]] = {
            promise: {site: list(each) for site, each in sites.items()}
            for promise, sites in (state or {}).items()
        }

    def add(self, promise: str, site: str, loss: float) -> None:
        """Count one audit."""
        counts = self._counts.setdefault(promise, {}).setdefault(site, [0, 0.0])
        counts[0] += 1
        counts[1] += loss

    def told(self, promise: str, share: float) -> dict[str, dict[str, Any]]:
        """Return audits, losses and an interval of the average risk by site.

        Notes
        -----
        Guarantee: that of `risk_interval`, for all sites at once with probability >= 1 - `share`.
        """
        counts = self._counts.get(promise, {})
        each = share / max(1, len(counts))
        return {
            site: {
                "audits": audits,
                "losses": losses,
                "interval": [float(end) for end in risk_interval(losses, audits, each)],
            }
            for site, (audits, losses) in sorted(counts.items())
        }

    def state(self) -> dict[str, Any]:
        """Return everything needed to go on, as JSON values."""
        return self._counts
