"""The watch of one stream: bags, p-values, bets, and what is kept once it alarmed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import log
from typing import Any, Self

from segqc_conformal.monitors.equal_run import EqualRun, unexplained_run
from segqc_conformal.monitors.fenwick import FenwickCounts
from segqc_conformal.monitors.martingale import JumperMixture
from segqc_conformal.monitors.quantise import bin_count, bin_of

__all__ = ["StreamWatch"]


class StreamWatch:
    """Evidence that one stream of values stopped being exchangeable with its bags.

    Parameters
    ----------
    name : str
        Name of the stream.
    edges : sequence of float
        Bin edges that were made without the values below.
    bags : mapping of str to sequence of float
        Calibration values by site; each site's cases are ranked among their own.
    false_alarm : float
        This stream's own bound d, in (0, 1).
    horizon : int
        Cases over which the bound holds.

    Notes
    -----
    Guarantee: P(alarm within `horizon` cases) <= `false_alarm` if, within each site, the values of
    bag and stream are exchangeable: smoothed p-values in a growing bag are then independent and
    uniform, also with ties (Vovk, Gammerman, Shafer 2005, Proposition 2.8).

    Examples
    --------
    >>> stream = StreamWatch("x", [0.0, 1.0], {"A": [0.5] * 50}, false_alarm=0.05, horizon=100)
    >>> for case in range(60):
    ...     stream.update(2.0, "A", uniform=0.5, case_id=f"c{case}", case=case + 1)
    >>> stream.alarmed_at, stream.change_case_id
    (14, 'c1')
    """

    __slots__ = (
        "_at_minimum",
        "_bags",
        "_bets",
        "_edges",
        "_log_threshold",
        "_lowest",
        "_run",
        "_runs",
        "alarmed_at",
        "change_case_id",
        "change_point",
        "false_alarm",
        "horizon",
        "name",
    )

    def __init__(
        self,
        name: str,
        edges: Sequence[float],
        bags: Mapping[str, Sequence[float]],
        false_alarm: float,
        horizon: int,
    ) -> None:
        self.name, self.false_alarm, self.horizon = name, false_alarm, horizon
        self._log_threshold = -log(false_alarm)
        self._edges = list(edges)
        self._bags = {site: self._bag(values) for site, values in bags.items()}
        self._bets = JumperMixture(horizon)
        self._runs = {site: EqualRun(unexplained_run(values)) for site, values in bags.items()}
        lengths = [run.unexplained for run in self._runs.values()]
        known = [each for each in lengths if each is not None]
        # over all sites: as long as where ties are commonest, and never where one is constant
        self._run = EqualRun(max(known) if known and len(known) == len(lengths) else None)
        self._lowest, self._at_minimum = 0.0, True
        self.change_point, self.change_case_id = 1, ""
        self.alarmed_at: int | None = None

    def _bag(self, values: Sequence[float]) -> FenwickCounts:
        bag = FenwickCounts([0] * bin_count(self._edges))
        for value in values:
            bag.add(bin_of(value, self._edges))
        return bag

    @property
    def edges(self) -> list[float]:
        """The bin edges."""
        return list(self._edges)

    @property
    def excess(self) -> float:
        """Log evidence less its threshold: >= 0 is an alarm."""
        return self._bets.log_evidence - self._log_threshold

    @property
    def frozen(self) -> bool:
        """Whether the last values are one and the same for too long to be ties."""
        return self._run.frozen or any(run.frozen for run in self._runs.values())

    @property
    def constant(self) -> bool:
        """Whether each bag started with one value only."""
        return all(run.unexplained is None for run in self._runs.values())

    def update(self, value: float, site: str, uniform: float, case_id: str, case: int) -> None:
        """Bet on one case; after the alarm nothing is learned any more.

        Parameters
        ----------
        value : float
            Finite or ``-inf``.
        site : str
            One of the bags' names.
        uniform : float
            Tie-breaker in (0, 1), independent of all values.
        case_id : str
            Kept only while it is the first case after the wealth's minimum.
        case : int
            Number of this case, from 1.
        """
        self._run.add(value)
        self._runs[site].add(value)
        if self.alarmed_at is not None:
            return
        bag, place = self._bags[site], bin_of(value, self._edges)
        p = bag.p_value(place, uniform)
        bag.add(place)
        self._mark_change(case_id, case)
        self._bets.update(p)
        self._look(case)

    def _mark_change(self, case_id: str, case: int) -> None:
        if self._at_minimum:
            self.change_point, self.change_case_id = case, case_id

    def _look(self, case: int) -> None:
        bets = self._bets
        self._at_minimum = bets.log_wealth <= self._lowest
        if self._at_minimum:
            self._lowest = bets.log_wealth
        if bets.log_evidence >= self._log_threshold:
            self.alarmed_at = case

    def fresh(self, edges: Sequence[float]) -> StreamWatch:
        """Return a stream with empty bags that goes on noticing a column that freezes."""
        bags: dict[str, list[float]] = {site: [] for site in self._bags}
        stream = StreamWatch(self.name, edges, bags, self.false_alarm, self.horizon)
        stream._run = EqualRun.from_state(self._run.state())
        stream._runs = {site: EqualRun.from_state(run.state()) for site, run in self._runs.items()}
        return stream

    def state(self) -> dict[str, Any]:
        """Return everything needed to go on, as JSON values of fixed size."""
        return {
            "name": self.name,
            "edges": self._edges,
            "false_alarm": self.false_alarm,
            "bags": {site: bag.counts() for site, bag in self._bags.items()},
            "bets": self._bets.state(),
            "run": self._run.state(),
            "runs": {site: run.state() for site, run in self._runs.items()},
            "lowest": self._lowest,
            "at_minimum": self._at_minimum,
            "change_point": self.change_point,
            "change_case_id": self.change_case_id,
            "alarmed_at": self.alarmed_at,
        }

    @classmethod
    def from_state(cls, state: Mapping[str, Any], horizon: int) -> Self:
        """Go on from `state`."""
        stream = cls(state["name"], state["edges"], {}, state["false_alarm"], horizon)
        stream._bags = {site: FenwickCounts(counts) for site, counts in state["bags"].items()}
        stream._bets = JumperMixture.from_state(state["bets"], horizon)
        stream._run = EqualRun.from_state(state["run"])
        stream._runs = {site: EqualRun.from_state(run) for site, run in state["runs"].items()}
        stream._lowest, stream._at_minimum = state["lowest"], state["at_minimum"]
        stream.change_point = state["change_point"]
        stream.change_case_id = state["change_case_id"]
        stream.alarmed_at = state["alarmed_at"]
        return stream
