import numpy as np
import pytest

from segqc_conformal.measures.distance import distance_inside, distance_to


def nearest(points: np.ndarray, targets: np.ndarray) -> np.ndarray:
    return np.sqrt(np.square(points[:, None] - targets[None]).sum(-1)).min(1)


@pytest.mark.parametrize("shape", [(9,), (6, 7), (5, 4, 6), (3, 2, 3, 2), (4, 1, 5)])
def test_distances_equal_brute_force(shape):
    spacing = np.array([1.0, 0.7, 2.5, 1.3][: len(shape)])
    mask = np.random.default_rng(0).random(shape) < 0.6
    padded = np.pad(mask, 1)
    outside = (np.argwhere(~padded) - 1) * spacing
    inside = np.argwhere(mask) * spacing
    np.testing.assert_allclose(
        distance_inside(mask, tuple(spacing))[mask], nearest(inside, outside), rtol=1e-12
    )
    everywhere = np.argwhere(np.ones(shape)) * spacing
    np.testing.assert_allclose(
        distance_to(mask, tuple(spacing)).reshape(-1), nearest(everywhere, inside), rtol=1e-12
    )


def test_a_mask_that_fills_the_grid_ends_at_its_border():
    assert distance_inside(np.ones((3, 5), dtype=bool), (2.0, 1.0)).max() == 3.0
