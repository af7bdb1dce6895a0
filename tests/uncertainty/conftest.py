"""Maps as their definitions say, in float64 over all samples at once: other forms than ours."""

from collections.abc import Callable

import numpy as np
import pytest
from numpy.typing import NDArray

FLOOR = 2.0**-23


def _logs(p: NDArray[np.float64], floor: float = 1e-300) -> NDArray[np.float64]:
    return np.log(np.maximum(p, floor))


def _group_maps(p: NDArray[np.float64]) -> dict[str, NDArray[np.float64]]:
    """Maps of one group of exclusive classes: `p` is (samples, classes, *spatial)."""
    samples, classes = p.shape[:2]
    mean = p.mean(0)
    ordered = np.sort(mean, axis=0)
    pairs = [
        (p[s] * (_logs(p[s]) - _logs(p[t], FLOOR))).sum(0)
        for s in range(samples)
        for t in range(samples)
        if s != t
    ]
    deviations = [[p[:, c] - mean[c]] for c in range(classes)]
    std = np.stack([np.sqrt(np.square(d[0]).mean(0)) for d in deviations])
    chosen = p.argmax(1)
    largest_share = np.max([(chosen == c).mean(0) for c in range(classes)], axis=0)
    information = (p * (_logs(p) - _logs(mean))).sum(1).mean(0)  # mean divergence from the mean
    correction = np.zeros_like(information)
    if samples > 1:
        floor = 1 / (samples * classes)
        correction = (p.var(0, ddof=1) / np.maximum(mean, floor)).sum(0) / (2 * samples)
    predictive = -(mean * _logs(mean)).sum(0)
    return {
        "predictive_entropy": predictive,
        "normalised_entropy": -(mean * _logs(mean) / np.log(classes)).sum(0),
        "expected_entropy": np.mean([-(q * _logs(q)).sum(0) for q in p], axis=0),
        "mutual_information": information,
        "mutual_information_corrected": np.minimum(information + correction, np.log(classes)),
        "epkl": np.mean(pairs, axis=0) if pairs else np.zeros_like(information),
        "rmi": np.mean([(mean * (_logs(mean) - _logs(q, FLOOR))).sum(0) for q in p], axis=0),
        "variance": np.square(std).mean(0),
        "standard_deviation": std.mean(0),
        "b_map": np.minimum(1.0, (2 * std).mean(0)),
        "b_map_max": np.minimum(1.0, (2 * std).max(0)),
        "confidence": mean.max(0),
        "margin": ordered[-1] - ordered[-2],
        "variation_ratio": 1.0 - largest_share,
    }


def _brute_force_maps(
    samples: NDArray[np.float32], labels: tuple[int, ...], *, overlapping: bool = False
) -> dict[str, NDArray[np.float64]]:
    p = np.asarray(samples, dtype=np.float64)
    binary = [_group_maps(np.stack([1 - q, q], axis=1)) for q in np.moveaxis(p, 1, 0)]
    kinds = ("predictive_entropy", "expected_entropy", "mutual_information")
    chosen = range(p.shape[1]) if overlapping else labels
    one_vs_rest = {f"one_vs_rest_{k}": np.stack([binary[c][k] for c in chosen]) for k in kinds}
    if overlapping:
        own = {name: np.stack([maps[name] for maps in binary]) for name in binary[0]}
    else:
        own = _group_maps(p)
    return {"mean_probability": p.mean(0), **own, **one_vs_rest}


@pytest.fixture(scope="session")
def brute_force_maps() -> Callable[..., dict[str, NDArray[np.float64]]]:
    """Give the maps of ``(samples, channels, *spatial)`` by their definitions."""
    return _brute_force_maps
