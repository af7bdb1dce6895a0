"""WATCH where shards cannot share state: p-values against the calibration profile as it stands."""

from __future__ import annotations

from typing import Any

from segqc_conformal.monitors.fixed_profile_stream import FixedProfileStream
from segqc_conformal.monitors.value_watch import ValueWatch

__all__ = ["FixedProfileWatch"]


class FixedProfileWatch(ValueWatch):
    """Notice, without labels and without a bag that grows, that new cases left the calibration.

    For shards that cannot share state: each ranks its cases against the same fixed profile, and
    `merged_evidence` puts their evidence together. Where one process sees all cases, or with fewer
    than about 1,000 calibration cases, `ExchangeabilityWatch` sees smaller shifts, sooner.

    Parameters
    ----------
    horizon : int
        Number of cases N over which the false alarm is bounded, >= 1.
    false_alarm : float
        Bound d on the probability of a false alarm within `horizon` cases, in (0, 1). Half of it
        is d_cal, for the draw of the calibration cases, half d_bets, for the bets.
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
    Guarantee: with probability >= 1 - d_cal over the draw of the calibration cases, P(alarm within
    `horizon` cases | calibration) <= d_bets; so P(alarm within `horizon` cases) <= `false_alarm`.
    It assumes more than `ExchangeabilityWatch`: at each site the calibration cases and the new ones
    are independent draws of one law, one case per patient. The share of cases per site may change.
    After k horizons the bound is ``d_cal + k * d_bets``.
    Proof: against one bag p-values are not independent, and their mean given the bag is not 1/2;
    but it lies within tau of 1/2 in all bags at once with probability >= 1 - d_cal
    (`mean_margin`, each bag of n_k values with its own ``tau_k`` at d_cal / bags). Then the bets
    ``1 - (p - 1/2) - tau`` and ``1 + (p - 1/2) - tau`` have means of at most 1, whatever came
    before; so M and R less the number of cases are supermartingales, and so is
    ``(R / N + M) / 2 + (N - t) / (2 N)``, which is 1 at the start, never negative, and no smaller
    than the evidence: it reaches 1 / d_bets with a probability of at most d_bets (Ville).
    What it cannot see: any change that keeps the mean p-value within tau of 1/2 at the site. For a
    shift of normal values by x standard deviations the mean moves by ``Phi(x / sqrt(2)) - 1/2``:
    with one stream, one bag and d = 0.05, shifts below about 0.31 (n = 100), 0.14 (n = 500) and
    0.07 (n = 2,000) are not seen, but by chance, with a bag that is central; up to twice that may
    be missed for ever, as the bag itself may lie tau off. Changes of spread alone are not seen.
    Source: own derivation of the correction; martingales conditional on a fixed calibration set are
    also treated in arXiv:2602.13848. Bets and alarm as in `ExchangeabilityWatch`.

    Examples
    --------
    >>> watch = FixedProfileWatch(horizon=1000, false_alarm=0.05, seed=7)
    >>> watch.start([i / 1000 for i in range(1000)])
    >>> for i in range(50):
    ...     state = watch.update(2.0, case_id=f"c{i}")
    >>> state.alarm, state.alarmed_at, round(watch.margins["value"]["all sites"], 3)
    (True, 15, 0.03)
    """

    SCHEMA = "fixed-profile-watch/1"
    STREAM = FixedProfileStream

    @property
    def margins(self) -> dict[str, dict[str, float]]:
        """By stream and site, tau: a mean p-value within tau of 1/2 is never seen as a change."""
        streams = [each for each in self._streams if isinstance(each, FixedProfileStream)]
        return {stream.name: dict(stream.margins) for stream in streams}

    def profile(self) -> dict[str, Any]:
        """Return what shards must have in common for `merged_evidence`; it never changes."""
        states = [stream.state() for stream in self._streams]
        fixed = ("false_alarm", "edges", "bags")
        return {
            "horizon": self.horizon,
            "false_alarm": self.false_alarm,
            "seed": self.seed,
            "primary": self.primary,
            "streams": {each["name"]: {part: each[part] for part in fixed} for each in states},
        }
