from dataclasses import replace
from math import pi, prod

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import ndimage
from scipy.spatial import ConvexHull
from skimage.measure import regionprops

from segqc_conformal.measures.shape_outline import MEANINGS, hole_share, shape_outline, solidity

SHAPES = st.sampled_from([(17,), (11, 9), (7, 6, 8), (6, 1, 7), (3, 4, 3, 3)])
KINDS = st.sampled_from(["blob", "noise", "full", "one voxel", "corner"])


def surface(mask: np.ndarray, spacing: tuple[float, ...]) -> float:
    padded = np.pad(mask, 1)
    return sum(
        (padded & ~np.roll(padded, way, axis)).sum() * prod(spacing) / step
        for axis, step in enumerate(spacing)
        for way in (-1, 1)
    )


def hull_volume(mask: np.ndarray, spacing: tuple[float, ...]) -> float:
    ways = np.array(list(np.ndindex((2,) * mask.ndim)))
    corners = (np.argwhere(mask)[:, None] + ways).reshape(-1, mask.ndim) * spacing
    return np.ptp(corners) if mask.ndim == 1 else ConvexHull(corners).volume


def brute_force(mask: np.ndarray, spacing: tuple[float, ...]) -> dict[str, float]:
    places = np.argwhere(mask)
    sides = (np.ptp(places, axis=0) + 1) * spacing
    volume = mask.sum() * prod(spacing)
    filled = ndimage.binary_fill_holes(mask)
    outside = np.argwhere(~np.pad(mask, 1)) - 1
    apart = (places[:, None] - outside[None]) * np.array(spacing)
    ball = {1: 2.0, 2: pi, 3: 4 * pi / 3, 4: pi**2 / 2}[mask.ndim]
    return {
        "box_longest_mm": max(sides),
        "box_shortest_mm": min(sides),
        "depth_max_mm": np.sqrt(np.square(apart).sum(-1)).min(1).max(),
        "equivalent_diameter_mm": 2 * (volume / ball) ** (1 / mask.ndim),
        "hole_share": 1 - mask.sum() / filled.sum(),
        "solidity": volume / hull_volume(mask, spacing),
        "surface_mm2": surface(mask, spacing),
    }


@settings(max_examples=60, deadline=None)
@given(shape=SHAPES, kind=KINDS, seed=st.integers(0, 10**6))
def test_outline_equals_brute_force(draw, shape, kind, seed):
    case = draw(seed, shape, kind)
    result, expected = shape_outline(case.structure), brute_force(case.judged, case.spacing)
    assert result.keys() == expected.keys()
    for name, value in expected.items():
        assert result[name] == pytest.approx(value, rel=1e-6, abs=1e-12), name


@settings(max_examples=20, deadline=None)
@given(shape=st.sampled_from([(11, 9), (9, 8, 7)]), seed=st.integers(0, 10**6))
def test_diameter_equals_that_of_scikit_image(draw, shape, seed):
    case = draw(seed, shape, "noise")
    found = regionprops(case.judged.astype(int), spacing=case.spacing)[0]
    diameter = shape_outline(case.structure)["equivalent_diameter_mm"]
    assert diameter == pytest.approx(found.equivalent_diameter_area, rel=1e-9)


def test_convex_masks_are_solid_and_an_l_is_not():
    assert solidity(np.ones((4, 5, 6), dtype=bool)) == pytest.approx(1.0, rel=1e-12)
    corner = np.ones((4, 4), dtype=bool)
    corner[2:, 2:] = False
    assert solidity(corner) == pytest.approx(12 / 14, rel=1e-12)


def test_hole_open_to_the_outside_is_none():
    ring = np.ones((5, 5), dtype=bool)
    ring[1:4, 2] = False
    assert hole_share(ring) == 3 / 25
    ring[0, 2] = False
    assert hole_share(ring) == 0.0


def test_gap_on_a_line_is_a_hole():
    assert hole_share(np.array([1, 0, 1], dtype=bool)) == pytest.approx(1 / 3)


def test_stretching_the_grid_stretches_lengths_and_no_share(draw):
    case = draw(1, (7, 6, 8))
    twice = replace(case.structure, spacing_mm=tuple(2 * step for step in case.spacing))
    small, large = shape_outline(case.structure), shape_outline(twice)
    for name in MEANINGS:
        power = 1 if name.endswith("_mm") else 2 if name == "surface_mm2" else 0
        assert large[name] == pytest.approx(2**power * small[name], rel=1e-9), name


def test_empty_mask_gives_zeros(draw):
    case = draw(0, (4, 4), "empty")
    assert set(shape_outline(case.structure).values()) == {0.0}


@pytest.mark.parametrize("shape", [(10,), (9, 8), (7, 6, 8)])
def test_certain_background_around_the_case_changes_nothing(draw, shape):
    plain, padded = (shape_outline(draw(3, shape, pad=by).structure) for by in (0, 5))
    assert plain == pytest.approx(padded, rel=1e-12)


def test_mask_on_the_device_of_the_samples_is_read(draw):
    case = draw(0, (6, 5))
    turned = replace(case.structure, judged=torch.from_numpy(case.judged.T.copy()).T)
    assert shape_outline(turned) == shape_outline(case.structure)
