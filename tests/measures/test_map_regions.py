from math import ceil, log, prod

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from segqc_conformal.measures import map_regions
from segqc_conformal.measures.regions import BAND_MM, DEPTH_CAP_MM

SHAPES = st.sampled_from([(14,), (9, 8), (7, 6, 8), (6, 1, 7)])
KINDS = st.sampled_from(["blob", "noise", "empty", "full", "one voxel", "corner"])
THRESHOLDS = {"predictive_entropy": 0.36, "mutual_information": 0.1}


def reduced(way: str, values: np.ndarray, w: np.ndarray, threshold: float) -> float:
    above = values > threshold
    if way in ("q50", "q90"):
        order = np.argsort(values, kind="stable")
        reached = np.cumsum(w[order]) / w.sum()
        return float(values[order][reached >= int(way[1:]) / 100 - 1e-9][0])
    if way == "mean_above":
        return float(np.average(values[above], weights=w[above])) if above.any() else 0.0
    return {
        "mean": lambda: float(np.average(values, weights=w)),
        "sum": lambda: float((values * w).sum()),
        "max": lambda: float(values.max()),
        "share_above": lambda: float(w[above].sum() / w.sum()),
    }[way]()


def distances(case) -> tuple[np.ndarray, np.ndarray]:
    grid = np.argwhere(np.ones_like(case.judged))
    outside = np.argwhere(~np.pad(case.judged, 1)) - 1
    inside = np.argwhere(case.judged)
    if not len(inside):
        inside = np.full((1, grid.shape[1]), 10**6)

    def nearest(targets: np.ndarray) -> np.ndarray:
        apart = (grid[:, None] - targets[None]) * np.array(case.spacing)
        return np.sqrt(np.square(apart).sum(-1)).min(1).reshape(case.judged.shape)

    return nearest(outside), nearest(inside)


def brute_force_regions(case) -> dict[str, np.ndarray]:
    """Weights of each region, 0 outside it."""
    depth, away = distances(case)
    band, judged = max(BAND_MM, min(case.spacing)) + 1e-6, case.judged
    weights = {
        "all": np.ones(judged.shape),
        "judged": judged,
        "boundary": np.where(judged, depth, away) <= band,
        "interior": judged & (depth > band),
        "exterior": ~judged & (away > band),
        "depth": np.where(judged, np.minimum(depth, DEPTH_CAP_MM), 0.0),
    }
    return {name: np.asarray(values, dtype=np.float64) for name, values in weights.items()}


def brute_force(case, regions: dict[str, np.ndarray], name: str) -> float:
    map_name = next(held for held in THRESHOLDS if name.startswith(held))
    region, way = name.removeprefix(f"{map_name}_").split("_", 1)
    weights = regions[region]
    if not weights.any() and way != "sum":
        if not case.judged.any():
            return 1.0 if way == "share_above" else log(3)
        weights = regions["judged"]
    held = weights > 0
    if not held.any():
        return 0.0
    scale = prod(case.spacing) / 1000 if way == "sum" else 1.0
    return scale * reduced(way, case.maps[map_name][held], weights[held], THRESHOLDS[map_name])


@settings(max_examples=60, deadline=None)
@given(shape=SHAPES, kind=KINDS, seed=st.integers(0, 10**6))
def test_every_region_and_reducer_equals_brute_force(draw, shape, kind, seed):
    case = draw(seed, shape, kind)
    result = {
        **map_regions.by_region(case.structure),
        **map_regions.by_distance(case.structure),
    }
    assert result.keys() == {**map_regions.PLAIN_MEANINGS, **map_regions.GRID_MEANINGS}.keys()
    regions = brute_force_regions(case)
    for name, value in result.items():
        assert value == pytest.approx(brute_force(case, regions, name), rel=1e-6, abs=1e-12), name
        assert type(value) is float


@pytest.mark.parametrize("kind", ["noise", "empty", "full", "one voxel"])
def test_regions_of_flat_elements_are_weighted(draw, kind):
    weights = np.random.default_rng(1).uniform(0.1, 3.0, 40)
    case = draw(1, (40,), kind, weights=weights)
    for name, value in map_regions.by_region(case.structure).items():
        map_name = next(held for held in THRESHOLDS if name.startswith(held))
        region, way = name.removeprefix(f"{map_name}_").split("_", 1)
        held = case.judged if region == "judged" else np.ones(40, dtype=bool)
        if not held.any():
            assert value == {"sum": 0.0, "share_above": 1.0}.get(way, log(3))
            continue
        scale = 0.001 if way == "sum" else 1.0
        expected = reduced(way, case.maps[map_name][held], weights[held], THRESHOLDS[map_name])
        assert value == pytest.approx(scale * expected, rel=1e-6), name


def test_thin_structure_takes_the_value_of_the_judged_mask_for_its_missing_interior(draw):
    case = draw(5, (9, 8), "one voxel")
    result = map_regions.by_distance(case.structure)
    at = case.judged.argmax()
    value = case.maps["predictive_entropy"].reshape(-1)[at]
    assert result["predictive_entropy_interior_mean"] == pytest.approx(value, rel=1e-6)


@pytest.mark.parametrize("shape", [(10,), (9, 8), (7, 6, 8)])
def test_certain_background_around_the_case_changes_no_value_near_the_mask(draw, shape):
    pad = ceil(BAND_MM / 0.7) + 1
    near, far = (draw(3, shape, pad=by).structure for by in (pad, pad + 4))
    for measure in (map_regions.by_region, map_regions.by_distance):
        small, large = measure(near), measure(far)
        changed = {name for name in small if small[name] != pytest.approx(large[name], rel=1e-9)}
        assert {name.split("_", 2)[2] for name in changed} <= {"all_mean", "exterior_mean"}
