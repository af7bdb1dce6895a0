from itertools import product

import numpy as np
import pytest

from segqc_conformal.errors import GeometryError, InputError
from segqc_conformal.evaluation.surface_distance import rms_surface_distance, surface_distances


def surface(mask):
    """Return the voxels of a mask with a neighbour outside it, by looking at each neighbour."""
    padded, found = np.pad(mask, 1), []
    for place in np.argwhere(mask):
        steps = product(range(mask.ndim), (-1, 1))
        beside = [place + 1 + way * np.eye(mask.ndim, dtype=int)[axis] for axis, way in steps]
        if not all(padded[tuple(each)] for each in beside):
            found.append(place)
    return np.array(found)


@pytest.mark.parametrize("spacing", [(1.0, 1.0), (0.7, 2.0)])
def test_distances_equal_the_smallest_over_all_pairs(spacing):
    rng = np.random.default_rng(0)
    for _ in range(5):
        masks = rng.random((2, 9, 7)) < 0.3
        places = [surface(mask) * np.array(spacing) for mask in masks]
        apart = np.linalg.norm(places[0][:, None] - places[1][None], axis=-1)
        expected = np.concatenate([apart.min(axis=1), apart.min(axis=0)])
        found = surface_distances(*masks, spacing)
        assert np.sort(found) == pytest.approx(np.sort(expected))
        rms = rms_surface_distance(*masks, spacing)
        assert rms == pytest.approx(np.linalg.norm(expected) / expected.size**0.5)
        assert rms_surface_distance(*masks[::-1], spacing) == pytest.approx(rms)


def test_a_slab_moved_by_3_voxels_of_2_mm_is_6_mm_away():
    slab = np.zeros((12, 20), dtype=bool)
    slab[1:2] = True
    assert rms_surface_distance(slab, np.roll(slab, 3, axis=0), (2.0, 1.0)) == 6.0


def test_both_empty_agree_and_one_empty_is_infinitely_far():
    empty, full = np.zeros((4, 4), dtype=bool), np.ones((4, 4), dtype=bool)
    assert rms_surface_distance(empty, empty, (1.0, 1.0)) == 0.0
    assert rms_surface_distance(empty, full, (1.0, 1.0)) == np.inf
    assert rms_surface_distance(full, empty, (1.0, 1.0)) == np.inf
    assert rms_surface_distance(full, full, (1.0, 1.0)) == 0.0


def test_masks_of_two_grids_are_refused():
    mask = np.ones((3, 3), dtype=bool)
    with pytest.raises(GeometryError, match="resample"):
        rms_surface_distance(mask, mask[:2], (1.0, 1.0))
    with pytest.raises(InputError, match="spacing"):
        rms_surface_distance(mask, mask, (1.0, 0.0))
