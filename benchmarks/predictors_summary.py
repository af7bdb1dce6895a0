"""From the tests of all splits to one row for each method, version and structure."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from predictors_measure import Outcome
from predictors_methods import DEFAULT
from scipy.stats import spearmanr

from segqc_conformal.evaluation.area_under_risk import aurc

REPLICATES = 400
SEED = 0
Place = tuple[str, str]  # version, structure


def summary(splits: Sequence[Sequence[Outcome]]) -> list[dict[str, Any]]:
    """Average over splits; compare the default with the best other method, by patient.

    The best other method of a version and structure is the one with the lowest mean AURC. The
    interval of the difference is a bootstrap of the patients: in a replicate each patient counts as
    often as drawn in every split whose test holds it; the predictors are not fitted again.
    """
    by_place: dict[Place, dict[str, list[Outcome]]] = defaultdict(lambda: defaultdict(list))
    for split in splits:
        for tested in split:
            by_place[tested.version, tested.structure][tested.method].append(tested)
    return [row for place, methods in by_place.items() for row in _rows(place, methods)]


def _rows(place: Place, methods: dict[str, list[Outcome]]) -> list[dict[str, Any]]:
    names = sorted({name for tested in methods[DEFAULT] for name in tested.patients})
    drawn = np.random.default_rng(SEED).multinomial(
        len(names), np.full(len(names), 1.0 / len(names)), REPLICATES
    )
    column = {name: number for number, name in enumerate(names)}
    areas = {name: _areas(tests, drawn, column) for name, tests in methods.items()}
    means = {name: float(np.mean([_aurc(t) for t in tests])) for name, tests in methods.items()}
    others = (name for name in methods if name != DEFAULT and not name.startswith(DEFAULT))
    best = min(others, key=means.__getitem__)
    rows = []
    for name, tests in methods.items():
        low, high = np.quantile(areas[name] - areas[best], [0.025, 0.975])
        rows.append(
            {
                "version": place[0],
                "structure": place[1],
                "method": name,
                "patients": len(names),
                "aurc": means[name],
                "best_other": best,
                "difference": means[name] - means[best],
                "difference_low": float(low),
                "difference_high": float(high),
                **_averages(tests),
            }
        )
    return rows


def _aurc(tested: Outcome) -> float:
    return float(aurc(tested.score, 1.0 - tested.dice))


def _areas(
    tests: Iterable[Outcome], drawn: NDArray[np.int64], column: dict[str, int]
) -> NDArray[np.float64]:
    """Return the AURC of each replicate, averaged over splits."""
    found = []
    for tested in tests:
        counts = drawn[:, [column[name] for name in tested.patients]]
        # a replicate without any of these patients says nothing of this split
        found.append(aurc(tested.score, 1.0 - tested.dice, counts))
    return np.asarray(np.nanmean(found, axis=0))


def _averages(tests: Sequence[Outcome]) -> dict[str, float | None]:
    ranks = [spearmanr(each.score, each.dice).statistic for each in tests]
    found: dict[str, float | None] = {"spearman": float(np.nanmean(ranks))}
    predicts = not np.isnan(tests[0].predicted).any()
    found["pearson"] = _mean(_pearson(each.score, each.dice) for each in tests)
    found["mae"] = (
        _mean(float(np.abs(each.predicted - each.dice).mean()) for each in tests)
        if predicts
        else None
    )
    for name in tests[0].promises:
        found[name] = _mean(each.promises[name] for each in tests)
    return found


def _pearson(a: NDArray[np.float64], b: NDArray[np.float64]) -> float:
    return float(np.corrcoef(a, b)[0, 1]) if np.ptp(a) and np.ptp(b) else np.nan


def _mean(values: Iterable[float]) -> float:
    return float(np.nanmean(list(values)))
