"""Several streams: why each has its share of d, and why their evidence is not averaged.

Each stream's evidence is a martingale of its own past. Next to another stream, whose values may
tell what comes, it is none, and an average has no theorem. The twin shows that this is more than
a gap in a proof: runs of two streams are put side by side so that each stream is still a sequence
of independent runs, and their average alarms too often.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from monitors_check import FALSE_ALARM, promise_row
from monitors_replica import Array, log_evidence
from monitors_watch import STREAMS_AT_ONCE, Change, alarmed_streams
from numpy.typing import NDArray
from scipy.sparse import csr_matrix
from scipy.sparse.csgraph import maximum_bipartite_matching

RUNS_AT_ONCE = 500
LOOK_AT = 4  # every fourth case, to find partners; alarms are looked for at all


def several_streams(runs: int, streams: int, cases: int, seed: int) -> dict[str, Any]:
    """False alarms of independent streams; the twin gives each stream all of d."""
    rng, change = np.random.default_rng(seed), Change(cases, 0, 0.0)
    found = [
        alarmed_streams(rng, min(STREAMS_AT_ONCE, runs - batch), streams, change, cases)
        for batch in range(0, runs, STREAMS_AT_ONCE)
    ]
    ours, twin = (np.isfinite(np.concatenate(times)) for times in zip(*found, strict=True))
    setting = f"{streams} independent streams, 500 calibration values"
    return promise_row(
        f"WATCH in control, {cases} cases", setting, ours, "all of d for each stream", twin
    )


def averaged(runs: int, cases: int, seed: int, streams: int = 8) -> dict[str, Any]:
    """Dependent streams: the union bound, and the twin that averages their evidence."""
    rng = np.random.default_rng(seed)
    batches = range(0, runs, RUNS_AT_ONCE)
    paths = np.vstack([log_evidence(rng.random((RUNS_AT_ONCE, cases)), cases) for _ in batches])
    np.exp(paths, out=paths)
    total, highest = paths.copy(), paths.max(axis=1)
    any_highest = highest.copy()
    for several in range(2, streams + 1):
        partner = worst_partners(total, paths, several / FALSE_ALARM, streams / FALSE_ALARM)
        total += paths[partner]
        any_highest = np.maximum(any_highest, highest[partner])
    return promise_row(
        f"WATCH in control, {cases} cases",
        f"{streams} streams, put beside each other as unluckily as possible",
        any_highest >= streams / FALSE_ALARM,
        f"the mean of the {streams} streams' evidence",
        total.max(axis=1) >= streams / FALSE_ALARM,
    )


def worst_partners(total: Array, paths: Array, target: float, enough: float) -> NDArray[np.int64]:
    """Reorder runs so that as many sums with the runs before as possible reach `target`.

    Parameters
    ----------
    total : ndarray, shape (runs, cases)
        Summed evidence of the streams so far.
    paths : ndarray, shape (runs, cases)
        Evidence of the next stream's independent runs.
    target, enough : float
        Runs that reach `enough` without help get partners that help nobody.

    Returns
    -------
    ndarray of int, shape (runs,)
        A permutation: the partners alone are the same independent runs.
    """
    by_run = [np.digitize(each.max(axis=1), [target / 5, enough]) for each in (total, paths)]
    reaches = np.zeros((len(paths), len(paths)), dtype=bool)
    rows, columns = (np.flatnonzero(each == 1) for each in by_run)
    seen = paths[columns, ::LOOK_AT]
    for row in rows:
        reaches[row, columns] = (total[row, ::LOOK_AT] + seen).max(axis=1) >= target
    for own, other in ((2, 0), (0, 2)):
        reaches[np.ix_(by_run[0] == own, by_run[1] == other)] = True
    partner = maximum_bipartite_matching(csr_matrix(reaches), perm_type="column")
    partner[partner < 0] = np.setdiff1d(np.arange(len(paths)), partner)
    return np.asarray(partner)
