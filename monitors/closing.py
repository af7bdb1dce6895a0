"""BENIGN: audits since a WATCH alarm that show the promises to hold in spite of the change."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from segqc_conformal.monitors.risk_sequence import RiskSequence, upper_risk

__all__ = ["Closing"]


class Closing:
    """Confidence sequences of the risks since an alarm, one for each promise.

    Parameters
    ----------
    bounds : mapping of str to float
        By promise: the risk at or below which a WATCH may be closed. Empty: it never is.
    false_alarm : float
        d of closing wrongly, in (0, 1); each promise has an equal share.
    since_sequence : int
        The case at which the watch alarmed: audits of cases up to it do not count.
    since : datetime, optional
        The time of that case: neither do those of older cases that are logged later.

    Notes
    -----
    Guarantee: P(closed while, for some promise, the risk averaged over the audits drawn since the
    alarm exceeds its bound) <= `false_alarm`, by `RiskSequence` on the audits in the order of their
    draw, and the union bound. An audit that waits for its answer counts as bad until it comes: the
    upper end grows with every loss, so answers that come in whatever order, or never, close
    nothing that all of them together would not. Where audits become more frequent, later cases
    weigh more in that average.

    Examples
    --------
    >>> closing = Closing({"accepted error": 0.15}, 0.05, since_sequence=700)
    >>> for number in range(40):
    ...     closing.drawn("accepted error", 701 + number, None)
    ...     closing.answered("accepted error", 0.0, f"c{number}", 701 + number, None)
    >>> closing.closed, closing.upper("accepted error") < 0.15
    (True, True)
    """

    def __init__(
        self,
        bounds: Mapping[str, float],
        false_alarm: float,
        since_sequence: int,
        since: datetime | None = None,
    ) -> None:
        self.bounds = dict(bounds)
        self.since_sequence, self.since = since_sequence, since
        self._share = false_alarm / max(1, len(self.bounds))
        self._sequences = {
            name: RiskSequence(self._share, "upper", since_sequence) for name in self.bounds
        }
        self._waiting = dict.fromkeys(self.bounds, 0)

    def _counts(self, sequence: int, time: datetime | None) -> bool:
        old = self.since is not None and (time is None or time < self.since)
        return sequence > self.since_sequence and not old

    def drawn(self, promise: str, sequence: int, time: datetime | None) -> None:
        """Expect the answer of a case with this sequence number and time."""
        self._waiting[promise] += self._counts(sequence, time)

    def answered(
        self, promise: str, loss: float, case_id: str, sequence: int, time: datetime | None
    ) -> None:
        """Take an answer that was expected."""
        if self._counts(sequence, time):
            self._waiting[promise] -= 1
            self._sequences[promise].update(loss, case_id, sequence)

    def upper(self, promise: str) -> float:
        """Return the upper end of the risk since the alarm, what waits counted as bad."""
        found, waiting = self._sequences[promise], self._waiting[promise]
        return float(upper_risk(found.loss + waiting, found.audits + waiting, self._share))

    def audits(self, promise: str) -> int:
        """Return how many answers since the alarm count."""
        return self._sequences[promise].audits

    def waiting(self, promise: str) -> int:
        """Return how many audits since the alarm wait for their answer."""
        return self._waiting[promise]

    @property
    def closed(self) -> bool:
        """Whether every risk is shown to lie at or below its bound."""
        return bool(self.bounds) and all(
            self.upper(name) <= bound for name, bound in self.bounds.items()
        )

    @property
    def words(self) -> tuple[str, ...]:
        """What is known of each promise since the alarm."""
        return tuple(
            f"{name} since the alarm at most {self.upper(name):.3f} "
            f"({self.audits(name)} audits, {self.waiting(name)} waited for; to close: {bound:.3g})"
            for name, bound in self.bounds.items()
        )

    def state(self) -> dict[str, Any]:
        """Return everything needed to go on, as JSON values of fixed size."""
        return {
            "bounds": self.bounds,
            "since_sequence": self.since_sequence,
            "since": None if self.since is None else self.since.isoformat(),
            "share": self._share,
            "waiting": self._waiting,
            "sequences": {
                name: json.loads(each.to_json()) for name, each in self._sequences.items()
            },
        }

    @classmethod
    def from_state(cls, state: Mapping[str, Any]) -> Closing:
        """Go on from `state`."""
        since = None if state["since"] is None else datetime.fromisoformat(state["since"])
        found = cls(state["bounds"], 0.5, int(state["since_sequence"]), since)
        found._share, found._waiting = state["share"], dict(state["waiting"])
        found._sequences = {
            name: RiskSequence.from_json(json.dumps(each))
            for name, each in state["sequences"].items()
        }
        return found
