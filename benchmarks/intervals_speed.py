"""Time of a million intervals beside the numpy floor, MAPIE and crepes, and of a mask curve.

The floor is the fewest numpy passes that give both ends, without any check.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from time import perf_counter
from typing import Any

import numpy as np
from crepes import ConformalRegressor
from guarantees_rivals import Column
from guarantees_worlds import CASES, Array
from mapie.conformity_scores import ResidualNormalisedScore
from mapie.regression import SplitConformalRegressor
from mask_threshold import blob, controller, flat
from numpy.typing import NDArray

from segqc_conformal.calibrators import DiceInterval, mask_curve

PATIENTS, CASES_AT_ONCE, SIDE = 1000, 1_000_000, 96
Work = Callable[[], object]


def speed(cases: int = CASES_AT_ONCE, side: int = SIDE, repeats: int = 25) -> dict[str, Any]:
    """Best times in milliseconds, all measured in turn; `load`: what else was running before."""
    load = os.getloadavg()[0]
    return {
        "load": round(load, 2),
        "cases": cases,
        "side": side,
        "intervals": [
            {"kind": kind, "ms": best_of(works, repeats)}
            for kind, works in (
                ("constant width", _intervals(cases, scaled=False)),
                ("normalised", _intervals(cases, scaled=True)),
            )
        ],
        "mask": best_of(_mask(side), 3),
    }


def best_of(works: dict[str, Work], repeats: int) -> dict[str, float]:
    """Shortest time of each, the works in turn so that all meet the same machine."""
    times: dict[str, list[float]] = {name: [] for name in works}
    for _ in range(repeats):
        for name, work in works.items():
            begin = perf_counter()
            work()
            times[name].append(1000 * (perf_counter() - begin))
    return {name: min(found) for name, found in times.items()}


def _intervals(cases: int, scaled: bool) -> dict[str, Work]:
    rng = np.random.default_rng(0)
    cal, new = CASES.draw(PATIENTS, rng), CASES.draw(cases, rng)
    scales = (cal.scale, new.scale) if scaled else (None, None)
    ours = DiceInterval(0.1).calibrate(cal.predicted, cal.dice, scales[0])
    conformity: Any = "absolute"
    if scaled:
        conformity = ResidualNormalisedScore(residual_estimator=Column(1), prefit=True)
    mapie = SplitConformalRegressor(Column(0), 0.9, conformity)
    mapie.conformalize(np.c_[cal.predicted, cal.scale], cal.dice)
    columns = np.c_[new.predicted, new.scale]
    crepes = ConformalRegressor().fit(cal.dice - cal.predicted, scales[0])
    quantile = float(ours.quantile or 0.0)
    return {
        "numpy floor": lambda: _floor(new.predicted, quantile, scales[1]),
        "ours": lambda: ours.interval(new.predicted, scales[1]),
        "MAPIE": lambda: mapie.predict_interval(columns),
        "crepes": lambda: crepes.predict_int(
            new.predicted, scales[1], confidence=0.9, y_min=0.0, y_max=1.0
        ),
    }


def _floor(predicted: Array, quantile: float, scale: Array | None) -> tuple[Array, Array]:
    reach = quantile if scale is None else quantile * scale
    low, high = predicted - reach, predicted + reach
    return np.clip(low, 0.0, 1.0, out=low), np.clip(high, 0.0, 1.0, out=high)


def _mask(side: int) -> dict[str, Work]:
    """FNR and FDR at every threshold, beside the FNR at MAPIE's 100 thresholds."""
    probabilities, reference = blob(side, np.random.default_rng(0))
    x: NDArray[Any] = flat([probabilities])
    y = flat([reference]).reshape(1, -1).astype(int)
    return {
        "ours": lambda: mask_curve(probabilities, reference),
        "MAPIE": lambda: controller("recall", 0.9, None).compute_risks(x, y, _refit=True),
    }
