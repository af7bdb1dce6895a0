"""One verdict from several shards that judged different cases against the same profile."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import log
from typing import Any

from segqc_conformal.errors import InputError
from segqc_conformal.monitors.fixed_profile import FixedProfileWatch
from segqc_conformal.monitors.loss_bets import log_sum

__all__ = ["MergedEvidence", "merged_evidence"]


@dataclass(frozen=True)
class MergedEvidence:
    """What the shards of a fixed profile know together.

    Parameters
    ----------
    alarm : bool
        Whether a stream reaches its threshold in this merge; earlier merges are not remembered.
    log_evidence : float
        Largest merged evidence over the streams, on the scale on which ``log(1 / false_alarm)``
        alarms.
    shards, cases : int
        How many shards, and how many cases had a bet in all of them.
    located : tuple of str
        Streams whose merged evidence reaches its threshold, in the order of the streams.

    Notes
    -----
    Guarantee: see `merged_evidence`.
    """

    alarm: bool
    log_evidence: float
    shards: int
    cases: int
    located: tuple[str, ...]


def merged_evidence(watches: Sequence[FixedProfileWatch]) -> MergedEvidence:
    """Average the evidence of shards that judged different cases.

    Parameters
    ----------
    watches : sequence of FixedProfileWatch
        All shards, K of them, their number fixed beforehand; also those without a case yet.

    Returns
    -------
    MergedEvidence

    Raises
    ------
    InputError
        For no shard, and naming the setting or the stream's profile that differs.

    Notes
    -----
    Guarantee: P(alarm at some merge while all shards together had at most K horizons of cases) <=
    `false_alarm`, as for one shard: no case and no case id in two shards (equal ids have equal
    tie-breakers), one case per patient over all of them, else as `FixedProfileWatch`. A merge may
    read shards as of different moments, but must not choose them by cases that came later. This
    does not bound the shards' own alarms: P(one of them alarms within its horizon) <=
    d_cal + K d_bets, as the draw of the profile is paid once for all.
    Proof: on the event of `FixedProfileWatch`, on which the bets of all shards are fair or worse
    given all that any shard has seen (cases are independent given the profile), the mean of the M
    is a supermartingale from 1, and the sum of the R less the number of all cases t is one from 0.
    So ``mean((R / N + M) / 2) + (K N - t) / (2 K N)`` is one from 1, never negative for t <= K N,
    and no smaller than the mean evidence (Ville). The event itself is one for all shards: where the
    profile is an unlucky draw, they are all wrong together, and no average mends that.

    Examples
    --------
    >>> shards = [FixedProfileWatch(), FixedProfileWatch()]
    >>> for number, shard in enumerate(shards):
    ...     shard.start([i / 1000 for i in range(1000)])
    ...     for i in range(25):
    ...         state = shard.update(2.0, case_id=f"shard {number} case {i}")
    >>> merged_evidence(shards).alarm, merged_evidence(shards).cases
    (True, 50)
    """
    _check_alike(watches)
    # each stream has the same threshold in all shards
    merged = {
        name: log_sum([watch.evidence()[name] for watch in watches]) - log(len(watches))
        for name in watches[0].streams
    }
    located = tuple(name for name, excess in merged.items() if excess >= 0.0)
    return MergedEvidence(
        bool(located),
        max(merged.values()) - log(watches[0].false_alarm),
        len(watches),
        sum(watch.cases for watch in watches),
        located,
    )


def _check_alike(watches: Sequence[FixedProfileWatch]) -> None:
    profiles = [watch.profile() for watch in watches]
    if not profiles or not profiles[0]["streams"]:
        raise InputError("one started watch at least", "none", "give the watches of all shards")
    for profile in profiles[1:]:
        for name, value in profiles[0].items():
            if profile[name] != value:
                raise InputError(
                    f"shards with the same {name}",
                    _difference(value, profile[name]),
                    "start all shards with the same settings, values, edges and sites",
                )


def _difference(one: Any, other: Any) -> str:
    if not isinstance(one, dict):
        return f"{one} and {other}"
    names = sorted(name for name in one.keys() | other.keys() if one.get(name) != other.get(name))
    return f"other edges, bags or bounds in {names[:12]}"
