import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from segqc_conformal.measures.regions import BAND_MM, DEPTH_CAP_MM, grid_regions

SHAPES = st.sampled_from([(14,), (9, 8), (7, 6, 8), (6, 1, 7), (3, 4, 3, 3)])
KINDS = st.sampled_from(["blob", "noise", "full", "one voxel", "corner"])


def brute_force(case) -> dict[str, np.ndarray]:
    spacing = np.array(case.spacing)
    grid = np.argwhere(np.ones_like(case.judged))
    around = np.argwhere(~np.pad(case.judged, 1)) - 1

    def nearest(targets: np.ndarray) -> np.ndarray:
        apart = (grid[:, None] - targets[None]) * spacing
        return np.sqrt(np.square(apart).sum(-1)).min(1)

    inside = case.judged.reshape(-1)
    depth, away = nearest(around), nearest(np.argwhere(case.judged))
    band = max(BAND_MM, min(case.spacing)) + 1e-6
    return {
        "boundary": np.flatnonzero(np.where(inside, depth, away) <= band),
        "interior": np.flatnonzero(inside & (depth > band)),
        "exterior": np.flatnonzero(~inside & (away > band)),
        "depth": np.flatnonzero(inside),
        "weights": np.minimum(depth, DEPTH_CAP_MM)[inside],
    }


@settings(max_examples=60, deadline=None)
@given(shape=SHAPES, kind=KINDS, seed=st.integers(0, 10**6))
def test_regions_equal_brute_force(draw, shape, kind, seed):
    case = draw(seed, shape, kind)
    regions, expected = grid_regions(case.structure), brute_force(case)
    for name, region in regions.items():
        np.testing.assert_array_equal(region.indices.numpy(), expected[name], err_msg=name)
    np.testing.assert_allclose(regions["depth"].weights.numpy(), expected["weights"], rtol=1e-12)


def test_band_at_an_exact_distance_belongs_to_the_boundary(draw):
    case = draw(0, (9,), "full", pad=6)  # spacing 1 mm: the second voxel is 2 mm away
    assert grid_regions(case.structure)["boundary"].indices.tolist() == [4, 5, 6, 7, 13, 14, 15, 16]


def test_empty_mask_leaves_only_the_exterior(draw):
    regions = grid_regions(draw(0, (4, 4), "empty").structure)
    assert [name for name, region in regions.items() if not region.is_empty] == ["exterior"]
    assert regions["exterior"].indices is None


@pytest.mark.parametrize("kind", ["blob", "noise", "full", "one voxel", "corner"])
def test_the_regions_are_a_partition(draw, kind):
    case = draw(3, (8, 7, 6), kind)
    regions = grid_regions(case.structure)
    parts = [regions[name].indices for name in ("boundary", "interior", "exterior")]
    assert sorted(np.concatenate(parts).tolist()) == list(range(case.judged.size))
