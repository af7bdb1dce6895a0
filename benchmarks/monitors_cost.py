"""Time and size of one update after 1,000 to 1,000,000 cases, beside MAPIE's in the same run.

A million cases before the measurement would take longer than the rest of the benchmark, and all
that is left of them is counts: they are put into the saved state, and the watch goes on from there.
MAPIE's history is made as long in the same way.
"""

from __future__ import annotations

import json
import os
from time import perf_counter
from typing import Any

import numpy as np
import pandas as pd
from mapie.exchangeability_testing import OnlineMartingaleTest
from mapie.regression import SplitConformalRegressor
from sklearn.dummy import DummyRegressor

from segqc_conformal.monitors import ExchangeabilityWatch
from segqc_conformal.monitors.quantise import quantile_edges

SEEN = (1_000, 10_000, 100_000, 1_000_000)
SHAPES = ((1, 1), (20, 10))  # streams, sites
UPDATES, MAPIE_UPDATES, TIMES = 100, 20, 30  # short blocks: others run beside
GOALS = {(1, 1): 50.0, (20, 10): 1_000.0}  # microseconds
LARGEST_STATE = 1_000_000  # bytes
HORIZON = 10**9  # no alarm: after it a watch does less


def watch_after(seen: int, streams: int, sites: int, seed: int = 0) -> ExchangeabilityWatch:
    """Make a watch that has seen `seen` cases, spread over its sites."""
    rng = np.random.default_rng(seed)
    names = [f"s{number}" for number in range(streams)]
    places = [f"site {number}" for number in range(sites)]
    watch = ExchangeabilityWatch(HORIZON, 1e-6, seed, primary="s0")
    values = pd.DataFrame(rng.normal(size=(500 * sites, streams)), columns=names)
    edges = {name: quantile_edges(rng.normal(size=500)) for name in names}
    watch.start(values, edges=edges, sites=[places[row % sites] for row in range(len(values))])
    state = json.loads(watch.to_json())
    state["cases"] = seen
    for stream in state["streams"]:
        for counts in stream["bags"].values():
            # an odd bin lies between two edges, where the stream's values are
            middle = np.arange(1, len(counts) - 1, 2)
            drawn = rng.multinomial(seen // sites, np.full(middle.size, 1 / middle.size))
            for place, number in zip(middle.tolist(), drawn.tolist(), strict=True):
                counts[place] += number
    return ExchangeabilityWatch.from_json(json.dumps(state))


def watch_cost(seen: int, streams: int, sites: int) -> dict[str, Any]:
    """Microseconds per update, the best of several runs, and bytes of the state as JSON."""
    rng = np.random.default_rng(1)
    watch = watch_after(seen, streams, sites)
    each, number = [], 0
    for _ in range(TIMES):
        values: list[Any] = [
            row[0] if streams == 1 else dict(zip(watch.streams, row, strict=True))
            for row in rng.normal(size=(UPDATES, streams)).tolist()
        ]
        begin = perf_counter()
        for value in values:
            watch.update(value, case_id=f"c{number}", site=f"site {number % sites}")
            number += 1
        each.append((perf_counter() - begin) / UPDATES * 1e6)
    assert not watch.state().alarm
    goal, size = GOALS[streams, sites], len(watch.to_json())
    return {
        "streams": streams,
        "sites": sites,
        "seen": seen,
        "us": min(each),
        "bytes": size,
        "goal_us": goal,
        "met": bool(min(each) <= goal and size <= LARGEST_STATE),
    }


def mapie_cost(seen: int) -> dict[str, Any]:
    """Microseconds of MAPIE's update by one labelled case, and of its p-value and bet alone."""
    rng = np.random.default_rng(2)
    model = SplitConformalRegressor(DummyRegressor().fit([[0.0]], [0.0]), prefit=True)
    test = OnlineMartingaleTest(model, task="regression", warn=False, random_state=0)
    test.conformity_score_history = np.abs(rng.normal(size=seen)).tolist()
    test.pvalue_history = rng.random(seen).tolist()
    test.martingale_value_history = [1.0] * seen
    whole, alone = [], []
    for value in np.abs(rng.normal(size=MAPIE_UPDATES)).tolist():
        begin = perf_counter()
        test.update(np.zeros((1, 1)), np.array([value]))
        whole.append(perf_counter() - begin)
        begin = perf_counter()
        test.update_simple_jumper_martingale(
            test.compute_p_value(value, np.asarray(test.conformity_score_history, dtype=float))
        )
        alone.append(perf_counter() - begin)
    return {"seen": seen, "us": min(whole) * 1e6, "alone_us": min(alone) * 1e6}


def costs(seen: tuple[int, ...] = SEEN) -> dict[str, Any]:
    """Measure all of it, in turn."""
    load = os.getloadavg()[0]
    return {
        "load": round(load, 1),
        "watch": [watch_cost(number, *shape) for shape in SHAPES for number in seen],
        "MAPIE": [mapie_cost(number) for number in seen],
    }
