"""The watch of one stream over many runs at once: the same numbers as `ExchangeabilityWatch`.

The class takes one case at a time, some microseconds each; thousands of runs of 10,000 cases need
arrays. `test_monitors.py` holds these functions to the classes, p-value by p-value.
"""

from __future__ import annotations

from math import isqrt, log
from typing import Any

import numpy as np
from numpy.typing import NDArray

from segqc_conformal.monitors.martingale import JUMP_RATES
from segqc_conformal.monitors.quantise import bin_count, quantile_edges

Array = NDArray[np.float64]
Places = NDArray[np.int64]
HUGE = 1e200  # far above any threshold, far below overflow


def places_of(values: Array, edges: list[float]) -> Places:
    """Return the bins of values, as `bin_of` does; there is no -inf here."""
    return np.asarray(1 + np.searchsorted(edges, values) + np.searchsorted(edges, values, "right"))


def ranks_of(values: Array) -> Places:
    """Return bins that hold one value each, so that p-values are those of the values."""
    order = values.argsort(axis=-1, kind="stable")
    ranks = np.empty(values.shape, dtype=np.int64)
    np.put_along_axis(ranks, order, np.arange(values.shape[-1]), axis=-1)
    return ranks


def p_values(places: Places, start: int, uniforms: Array, grow: bool = True) -> Array:
    """Smoothed p-values of each run's cases among all earlier ones.

    Parameters
    ----------
    places : ndarray of int, shape (runs, start + cases)
        Bins; the first `start` of each run are the calibration cases'.
    start : int
    uniforms : ndarray, shape (runs, cases)
        Tie-breakers.
    grow : bool
        False: new cases do not enter the bag, which is wrong.

    Returns
    -------
    ndarray, shape (runs, cases)
    """
    runs, cases = uniforms.shape
    bins = int(places.max()) + 1
    size = isqrt(bins) + 1  # of a block; inside it cases are compared one by one
    shift = np.arange(runs)[:, None] * bins
    counts = _counted(places[:, :start] + shift, runs, bins)
    found = np.empty((runs, cases))
    for first in range(0, cases, size):
        new = places[:, start + first : start + first + size]
        above = counts.sum(axis=1, keepdims=True) - counts.cumsum(axis=1)
        more = np.take_along_axis(above, new, axis=1).astype(np.float64)
        same = np.take_along_axis(counts, new, axis=1).astype(np.float64)
        total = np.full(new.shape[1], float(start))
        if grow:
            earlier = np.tri(new.shape[1], k=-1, dtype=bool)
            now, before = new[:, :, None], new[:, None, :]
            more += np.count_nonzero((before > now) & earlier, axis=2)
            same += np.count_nonzero((before == now) & earlier, axis=2)
            total += first + np.arange(new.shape[1])
            counts += _counted(new + shift, runs, bins)
        some = uniforms[:, first : first + size]
        found[:, first : first + size] = (more + some * (same + 1)) / (total + 1)
    return found


def _counted(places: Places, runs: int, bins: int) -> Places:
    return np.bincount(places.ravel(), minlength=runs * bins).reshape(runs, bins)


def binned_p_values(
    fit: Array, values: Array, start: int, rng: np.random.Generator, grow: bool = True
) -> Array:
    """P-values as the watch has them: bins by quantiles of `fit`, of shape (runs, fit cases)."""
    edges = [quantile_edges(each) for each in fit]
    places = np.stack([places_of(*pair) for pair in zip(values, edges, strict=True)])
    assert places.max() < max(bin_count(each) for each in edges)
    return p_values(places, start, rng.random((len(values), values.shape[1] - start)), grow)


def site_p_values(
    fit: Array, values: Array, sites: NDArray[np.bool_], start: int, rng: np.random.Generator
) -> Array:
    """P-values of one run per row in two Mondrian bags, `sites` (False or True) by case."""
    found = np.empty((len(values), values.shape[1] - start))
    for row, (own, value, site) in enumerate(zip(fit, values, sites, strict=True)):
        places = places_of(value, quantile_edges(own))
        uniforms = rng.random(found.shape[1])
        for name in (False, True):
            inside = site == name
            new = inside[start:]
            bag = int(inside[:start].sum())
            found[row, new] = p_values(places[None, inside], bag, uniforms[None, new])[0]
    return found


def log_evidence(p: Array, horizon: int, rates: tuple[float, ...] = JUMP_RATES) -> Array:
    """Log of ``(R / N + M) / 2`` after each p-value, as `JumperMixture` has it.

    Parameters
    ----------
    p : ndarray, shape (runs, cases)
    horizon : int
    rates : tuple of float

    Returns
    -------
    ndarray, shape (runs, cases)
    """
    steps, restarts = jumper_paths(p, rates)
    with np.errstate(over="ignore"):
        wealth = np.exp(np.minimum(np.log(steps).cumsum(axis=0), log(HUGE))).mean(axis=1)
    return np.asarray(np.log(0.5 * (restarts.mean(axis=1) / horizon + wealth)).T)


def jumper_paths(
    p: Array, rates: tuple[float, ...], experts: tuple[float, ...] = (-1.0, 0.0, 1.0)
) -> tuple[Array, Array]:
    """Steps of the wealth and Shiryaev-Roberts statistics, of shape (cases, rates, runs)."""
    runs, cases = p.shape
    rate = np.array(rates)[:, None]
    keep, share = 1.0 - rate, rate / len(experts)
    stakes = np.array(experts)[:, None, None]
    centred = np.ascontiguousarray(p.T - 0.5)
    weights = np.full((len(experts), len(rates), runs), 1.0 / len(experts))
    steps, restarts = (np.empty((cases, len(rates), runs)) for _ in range(2))
    r = np.zeros((len(rates), runs))
    for case in range(cases):
        weights *= keep
        weights += share
        weights *= 1.0 + stakes * centred[case]
        step = weights.sum(axis=0, out=steps[case])
        weights /= step
        r += 1.0
        r *= step
        np.minimum(r, HUGE, out=r)
        restarts[case] = r
    return steps, restarts


def first_true(alarms: NDArray[Any]) -> Array:
    """Number of the first True from 1, for each row of the array; inf where there is none."""
    return np.where(alarms.any(axis=-1), alarms.argmax(axis=-1) + 1.0, np.inf)
