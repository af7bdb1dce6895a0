"""WATCH: the label-free alarm that new cases are no longer like the calibration cases."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from segqc_conformal.monitors.stream_watch import StreamWatch
from segqc_conformal.monitors.value_watch import ValueWatch

__all__ = ["ExchangeabilityWatch"]


class ExchangeabilityWatch(ValueWatch):
    """Notice, without labels, that new cases are no longer like the calibration cases.

    Parameters
    ----------
    horizon : int
        Number of cases N over which the false alarm is bounded, >= 1.
    false_alarm : float
        Bound d on the probability of a false alarm within `horizon` cases, in (0, 1).
    seed : int
        Seeds the tie-breakers (with stream and case id) and the default draw of edges.
    primary : str, optional
        The stream that gets half of `false_alarm`; the others share the other half equally. To be
        named where there are several streams.

    Raises
    ------
    InputError
        For a horizon or a false alarm out of range.

    Notes
    -----
    Guarantee: P(alarm within `horizon` cases) <= `false_alarm`, if at each site the values of the
    calibration cases and of the new ones are exchangeable, one case per patient (say
    ``repeat=True`` for the others). The share of cases per site may change. After k horizons the
    bound is ``k * false_alarm``. Each stream keeps its own share of d: P(a stream that is itself
    exchangeable is among `located`) is bounded by that share. An alarm says that something
    changed, not that masks became worse. The change point is an estimate. A column that freezes
    at its median is no alarm: `frozen` names it, and `constant` those that never varied.
    Source: conformal test martingales in a growing bag, Vovk et al., arXiv:2102.10439; alarm at
    ``(R / N + M) / 2 >= 1 / d`` by Doob's inequality; streams by the union bound.

    Examples
    --------
    >>> watch = ExchangeabilityWatch(horizon=1000, false_alarm=0.05, seed=7)
    >>> watch.start([i / 100 for i in range(100)])
    >>> for i in range(50):
    ...     state = watch.update(2.0, case_id=f"c{i}", site="A")
    >>> state.alarm, state.alarmed_at, state.change_case_id
    (True, 14, 'c1')
    """

    SCHEMA = "exchangeability-watch/2"
    STREAM = StreamWatch

    @property
    def edges(self) -> dict[str, list[float]]:
        """Bin edges of each stream."""
        return {stream.name: stream.edges for stream in self._streams}

    def fresh(self, edges: Mapping[str, Sequence[float]]) -> ExchangeabilityWatch:
        """Return a watch of the same streams and sites with empty bags.

        Parameters
        ----------
        edges : mapping of str to sequence of float
            Bin edges of each stream, from cases before the first that it will see.

        Notes
        -----
        Guarantee: that of the class, with its own d: the cases that it sees are compared with one
        another, so a change that is complete before the first of them is not seen.
        """
        watch = ExchangeabilityWatch(self.horizon, self.false_alarm, self.seed, self.primary)
        watch._sites, watch._last_time = self._sites, dict(self._last_time)
        watch._streams = [stream.fresh(edges[stream.name]) for stream in self._streams]
        return watch
