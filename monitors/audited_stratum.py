"""One stratum of an audited monitor: its bets, their worst case, and what is not answered."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from segqc_conformal.monitors.loss_bets import LossBets

__all__ = ["AuditedStratum"]

COUNTS = (
    "epoch",
    "audits",
    "loss",
    "all_audits",
    "all_loss",
    "answers",
    "answered_on",
    "draws",
    "edited",
    "overdue",
)


class AuditedStratum:
    """The audits of one stratum: cases sampled alike, at a rate that is constant in each epoch.

    Parameters
    ----------
    name : str
    bound : float
        Largest mean loss that is tolerated.
    stakes : tuple of float

    Attributes
    ----------
    bets, worst : LossBets
        On the answers; on the answers that came in time and a loss of 1 for each overdue audit.
        While none is overdue, `worst` is as `bets`.
    pending : dict of int to int
        Audits drawn and neither answered nor overdue, by day: no ids, and no more days than an
        answer may take.

    Notes
    -----
    Guarantee: see `AuditWatch`.

    Examples
    --------
    >>> stratum = AuditedStratum("accepted/A", 0.1, (1.0,))
    >>> stratum.draw(day=10)
    >>> stratum.expire(first_day=11)
    >>> stratum.overdue, stratum.expects(10, first_day=11), stratum.expects(12, first_day=11)
    (1, True, False)
    """

    __slots__ = (*COUNTS, "bets", "name", "pending", "worst")

    def __init__(self, name: str, bound: float, stakes: tuple[float, ...]) -> None:
        self.name = name
        self.bets, self.worst = LossBets(bound, stakes), LossBets(bound, stakes)
        self.epoch = self.audits = self.all_audits = self.draws = self.edited = self.overdue = 0
        self.loss = self.all_loss = 0.0
        self.answers = 0  # those that had a bet
        self.answered_on: int | None = None  # day of the last of them
        self.pending: dict[int, int] = {}

    @property
    def waiting(self) -> int:
        """Audits drawn and not answered."""
        return self.overdue + sum(self.pending.values())

    def open_epoch(self) -> None:
        """Count afresh; the bets go on."""
        self.epoch += 1
        self.audits, self.loss = 0, 0.0

    def draw(self, day: int) -> None:
        """Expect an answer."""
        self.draws += 1
        self.pending[day] = self.pending.get(day, 0) + 1

    def expire(self, first_day: int) -> None:
        """Count audits drawn before `first_day` as overdue, and each as a loss of 1 in `worst`."""
        for day in sorted(day for day in self.pending if day < first_day):
            for _ in range(self.pending[day]):
                self.worst.update(1.0)
            self.overdue += self.pending.pop(day)

    def silent(self, first_day: int) -> bool:
        """Say whether no answer is known to have come on `first_day` or later."""
        return self.answered_on is None or self.answered_on < first_day

    def expects(self, day: int, first_day: int) -> bool:
        """Say whether an audit drawn on `day` waits for its answer; the overdue are one heap."""
        if day >= first_day:
            return day in self.pending
        return self.overdue > 0 or any(each < first_day for each in self.pending)

    def answer(self, loss: float, epoch: int, drawn_on: int | None, today: int | None) -> None:
        """Bet on an answer; `expire` has been called for today."""
        late = drawn_on is not None and drawn_on not in self.pending
        self.bet(loss, None if late else loss, epoch)
        self.answers += 1
        self.answered_on = today
        if late:
            self.overdue -= 1
            if not self.overdue:
                self.worst.copy_state(self.bets)  # nothing is missing any more
        elif drawn_on is not None:
            self.pending[drawn_on] -= 1
            if not self.pending[drawn_on]:
                del self.pending[drawn_on]

    def bet(self, loss: float, worst: float | None, epoch: int) -> None:
        """Bet on a loss, and on what it may be at worst; None: that was counted before."""
        self.bets.update(loss)
        if worst is not None:
            self.worst.update(worst)
        self.all_audits += 1
        self.all_loss += loss
        if epoch == self.epoch:
            self.audits += 1
            self.loss += loss

    def state(self) -> dict[str, Any]:
        """Return everything needed to go on, as JSON values of fixed size."""
        return {
            "name": self.name,
            "bets": self.bets.state(),
            "worst": self.worst.state(),
            "pending": {str(day): number for day, number in self.pending.items()},
            **{name: getattr(self, name) for name in COUNTS},
        }

    def load(self, state: Mapping[str, Any]) -> None:
        """Go on from `state`."""
        self.bets.load(state["bets"])
        self.worst.load(state["worst"])
        self.pending = {int(day): number for day, number in state["pending"].items()}
        for name in COUNTS:
            setattr(self, name, state[name])
