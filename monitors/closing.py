"""BENIGN: audits since a WATCH alarm that show the promises to hold in spite of the change."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from segqc_conformal.monitors.risk_sequence import RiskSequence

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

    Notes
    -----
    Guarantee: P(closed while, for some promise, the risk averaged over the audits since the alarm
    exceeds its bound) <= `false_alarm`, by `RiskSequence` and the union bound. Where audits become
    more frequent, later cases weigh more in that average.

    Examples
    --------
    >>> closing = Closing({"accepted error": 0.15}, 0.05, since_sequence=700)
    >>> for number in range(40):
    ...     closing.update("accepted error", 0.0, f"c{number}", 701 + number)
    >>> closing.closed, closing.upper("accepted error") < 0.15
    (True, True)
    """

    def __init__(
        self, bounds: Mapping[str, float], false_alarm: float, since_sequence: int
    ) -> None:
        self.bounds = dict(bounds)
        self.since_sequence = since_sequence
        share = false_alarm / max(1, len(self.bounds))
        self._sequences = {
            name: RiskSequence(share, "upper", since_sequence) for name in self.bounds
        }

    def update(self, promise: str, loss: float, case_id: str, sequence: int) -> None:
        """Take one audit."""
        self._sequences[promise].update(loss, case_id, sequence)

    def upper(self, promise: str) -> float:
        """Return the upper end of the risk since the alarm."""
        return self._sequences[promise].interval[1]

    def audits(self, promise: str) -> int:
        """Return how many audits since the alarm count."""
        return self._sequences[promise].audits

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
            f"({self.audits(name)} audits; to close: {bound:.3g})"
            for name, bound in self.bounds.items()
        )

    def state(self) -> dict[str, Any]:
        """Return everything needed to go on, as JSON values of fixed size."""
        return {
            "bounds": self.bounds,
            "since_sequence": self.since_sequence,
            "sequences": {
                name: json.loads(each.to_json()) for name, each in self._sequences.items()
            },
        }

    @classmethod
    def from_state(cls, state: Mapping[str, Any]) -> Closing:
        """Go on from `state`."""
        found = cls(state["bounds"], 0.5, int(state["since_sequence"]))
        found._sequences = {
            name: RiskSequence.from_json(json.dumps(each))
            for name, each in state["sequences"].items()
        }
        return found
