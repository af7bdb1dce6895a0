"""One stream against a bag that never grows: what the calibration draw may cost is paid at once."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import ceil, log, sqrt
from typing import Any, Self

from segqc_conformal.errors import InputError
from segqc_conformal.monitors.fenwick import FenwickCounts
from segqc_conformal.monitors.quantise import bin_of
from segqc_conformal.monitors.stream_watch import StreamWatch

__all__ = ["FixedProfileStream", "mean_margin"]


def mean_margin(calibration: int, delta: float) -> float:
    """Return how far the mean p-value against one fixed bag may lie from 1/2.

    Parameters
    ----------
    calibration : int
        Number n of values in the bag, >= 1.
    delta : float
        Chance, over the draw of the bag, that it lies further off, in (0, 1).

    Returns
    -------
    float
        ``tau = sqrt(log(2 / delta) / (6 n))``.

    Notes
    -----
    Guarantee: let the n values of the bag and a new one be independent draws of one law, put into
    bins made without them. Then P(``|E[p | bag] - 1/2|`` > tau) <= delta, p being the smoothed
    p-value of `FenwickCounts.p_value`, which has n + 1 in its denominator.
    Proof: given the bag, ``E[p | bag] - 1/2 = (1 / (n + 1)) sum (g(s_i) - 1/2)`` over the values
    s_i of the bag, where ``g(s) = P(S < s) + P(S = s) / 2`` for a new value S. With a tie-breaker
    V of its own, ``P(S < s_i) + V P(S = s_i)`` is uniform on (0, 1), and g(s_i) is its mean given
    s_i. So by Jensen ``E exp(x (g(s_i) - 1/2)) <= sinh(x / 2) / (x / 2) <= exp(x^2 / 24)``: the
    variance proxy is 1/12, that of a uniform variable, also with ties (Hoeffding's for any
    variable in [0, 1] is 1/4). The n terms are independent, so by Chernoff's bound their average
    exceeds tau with a probability of at most ``exp(-6 n tau^2) = delta / 2`` on each side; the
    factor n / (n + 1) makes the mean p-value lie nearer still.

    Examples
    --------
    >>> [round(mean_margin(n, 0.025), 3) for n in (100, 500, 2000)]
    [0.085, 0.038, 0.019]
    """
    return sqrt(log(2.0 / delta) / (6.0 * calibration))


class FixedProfileStream(StreamWatch):
    """Evidence that one stream of values left the law of the calibration values.

    The parameters are those of `StreamWatch`. Half of `false_alarm` pays for the calibration draw,
    split over the sites, half for the bets. Bets go on after an alarm: no bag can be spoilt.

    Notes
    -----
    Guarantee: that of `FixedProfileWatch` for one stream.

    Examples
    --------
    >>> stream = FixedProfileStream("x", [0.0, 1.0], {"A": [0.5] * 500}, 0.05, horizon=100)
    >>> for case in range(60):
    ...     stream.update(2.0, "A", uniform=0.5, case_id=f"c{case}", case=case + 1)
    >>> round(stream.margins["A"], 3), stream.alarmed_at
    (0.038, 15)
    """

    __slots__ = ("margins",)

    def __init__(
        self,
        name: str,
        edges: Sequence[float],
        bags: Mapping[str, Sequence[float]],
        false_alarm: float,
        horizon: int,
    ) -> None:
        super().__init__(name, edges, bags, false_alarm, horizon)
        self._log_threshold = -log(false_alarm / 2.0)
        self._set_margins()

    def _set_margins(self) -> None:
        sites = len(self._bags)
        self.margins = {site: self._margin(site, bag, sites) for site, bag in self._bags.items()}

    def _margin(self, site: str, bag: FenwickCounts, sites: int) -> float:
        delta = self.false_alarm / 2.0 / sites
        # from 1/2 on, a bet could lose more than everything
        needed = ceil(log(2.0 / delta) / 1.5 + 1e-9)
        if bag.total < needed:
            raise InputError(
                f"at least {needed} calibration cases at {site}, for stream {self.name}",
                bag.total,
                "leave out or pool small sites: so few cases show no shift at all",
            )
        return mean_margin(bag.total, delta)

    def update(self, value: float, site: str, uniform: float, case_id: str, case: int) -> None:
        """Bet on one case; see `StreamWatch.update`."""
        self._run.add(value)
        self._runs[site].add(value)
        p = self._bags[site].p_value(bin_of(value, self._edges), uniform)
        if self.alarmed_at is not None:
            self._bets.update(p, self.margins[site])
            return
        self._mark_change(case_id, case)
        self._bets.update(p, self.margins[site])
        self._look(case)

    @classmethod
    def from_state(cls, state: Mapping[str, Any], horizon: int) -> Self:
        """Go on from `state`."""
        stream = super().from_state(state, horizon)
        stream._set_margins()
        return stream
