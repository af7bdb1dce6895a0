import numpy as np
import pytest

from segqc_conformal.calibrators.masks.depth import check_mask, depth_inside, distance_to
from segqc_conformal.errors import GeometryError, InputError


@pytest.mark.parametrize("spacing", [(1.0, 1.0, 1.0), (0.7, 0.7, 3.0)])
def test_distances_equal_the_smallest_over_all_pairs(spacing):
    mask = np.random.default_rng(0).random((5, 6, 4)) < 0.1
    centres = np.stack(np.meshgrid(*map(np.arange, mask.shape), indexing="ij"), -1) * spacing
    apart = np.linalg.norm(centres[..., None, :] - centres[mask], axis=-1).min(axis=-1)
    assert np.allclose(distance_to(mask, spacing), apart, atol=1e-12)
    inside = np.linalg.norm(centres[..., None, :] - centres[~mask], axis=-1).min(axis=-1)
    assert np.allclose(depth_inside(mask, spacing), inside, atol=1e-12)


def test_a_mask_that_fills_the_image_is_infinitely_deep():
    assert np.isinf(depth_inside(np.ones((2, 2), dtype=bool), (1.0, 1.0))).all()


def test_masks_and_spacings_that_do_not_fit_are_refused():
    mask = np.zeros((2, 2), dtype=bool)
    with pytest.raises(InputError, match="boolean"):
        check_mask(mask.astype(int), (1.0, 1.0))
    with pytest.raises(GeometryError, match="case number 3"):
        check_mask(mask, (1.0, 1.0), mask[:1], case=3)
    for spacing in ((1.0,), (1.0, 0.0), (1.0, np.nan)):
        with pytest.raises(InputError, match="voxel sizes"):
            check_mask(mask, spacing)
