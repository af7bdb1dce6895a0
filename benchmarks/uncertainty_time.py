"""Time of an update and of a whole case, interleaved with `log_softmax` of the same sample."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from statistics import median
from time import perf_counter
from typing import Any

import torch
from torch import Tensor
from uncertainty_methods import (
    BitPlaneMeasures,
    CaseFigures,
    accumulated_figures,
    accumulator,
    stacked_figures,
)
from uncertainty_samples import samples

OURS = ("plain", "fast")


def seconds(work: Callable[[], object]) -> float:
    """Time one call."""
    begin = perf_counter()
    work()
    return perf_counter() - begin


def time_row(count: int, classes: int, spatial: tuple[int, ...], repeats: int) -> dict[str, Any]:
    """Measure one row: milliseconds for each sample, and how far the values lie apart.

    One repeat takes all samples; the four ways to take one follow each other sample by sample, so
    that whatever else the machine does falls on all of them.
    """
    taken = samples(count, classes, spatial)
    ms: dict[str, list[float]] = {}
    _one_case(taken[:2], {})  # warms up
    for _ in range(repeats):
        found = _one_case(taken, ms)
    ours = found.pop("plain")
    return {
        "samples": count,
        "classes": classes,
        "spatial": list(spatial),
        **_summary({name: median(values) for name, values in ms.items()}, count),
        "distance": {name: ours.distance(theirs) for name, theirs in found.items()},
    }


def _one_case(taken: list[Tensor], ms: dict[str, list[float]]) -> dict[str, CaseFigures]:
    def clock(name: str, work: Callable[[], Any]) -> Any:
        begin = perf_counter()
        result = work()
        ms.setdefault(name, []).append(1000.0 * (perf_counter() - begin))
        return result

    shape, kept = taken[0].shape, torch.empty_like(taken[0])
    measures, axes = BitPlaneMeasures(), len(shape) - 1
    ours = {name: accumulator(shape[0], axes, name == "fast", measures) for name in OURS}
    standard = {name: accumulator(shape[0], axes, name == "fast") for name in OURS}
    for sample in taken:
        clock("log_softmax", partial(torch.log_softmax, sample, 0))
        clock("log_softmax_reused", partial(torch.log_softmax, sample, 0, out=kept))
        for name, held in ours.items():
            clock(name, partial(held.update, sample))
            standard[name].update(sample)
    found: dict[str, CaseFigures] = {
        name: clock(f"{name}_figures", partial(accumulated_figures, held))
        for name, held in ours.items()
    }
    for name, held in standard.items():
        clock(f"{name}_standard", partial(accumulated_figures, held))
    found["stack"] = clock("stack_case", partial(stacked_figures, taken))
    return found


def _summary(ms: dict[str, float], count: int) -> dict[str, Any]:
    """Return figures for each sample: updates alone, and the case with its maps and features."""
    floor = ms["log_softmax"]
    per_sample = {name: ms[name] for name in ("log_softmax", "log_softmax_reused", "plain", "fast")}
    cases = {name: ms[name] + ms[f"{name}_figures"] / count for name in ("plain", "fast")}
    cases |= {f"{n}_standard": ms[n] + ms[f"{n}_standard"] / count for n in ("plain", "fast")}
    cases["stack"] = ms["stack_case"] / count
    return {
        "ms": per_sample,
        "case_ms": cases,
        "ratio": {name: ms[name] / floor for name in ("plain", "fast")},
        "ratio_reused": ms["fast"] / ms["log_softmax_reused"],
        "case_ratio": {name: value / floor for name, value in cases.items()},
    }
