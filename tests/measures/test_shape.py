from math import pi

import numpy as np
import pytest
import torch
from scipy import ndimage

from segqc_conformal.measures.shape import MEANINGS, shape, surface
from segqc_conformal.uncertainty.bit_planes import BitPlanes
from segqc_conformal.uncertainty.judged_structure import JudgedStructure


def shape_of(mask: np.ndarray, spacing: tuple[float, ...]) -> dict[str, float]:
    judged = torch.from_numpy(mask)
    return shape(JudgedStructure("a", None, 2, {}, BitPlanes(), judged, judged.long(), spacing))


def brute_force_surface(mask: np.ndarray, spacing: tuple[float, ...]) -> float:
    padded = np.pad(mask, 1)
    area = 0.0
    for index in np.argwhere(padded):
        for axis, step in enumerate(spacing):
            for side in (-1, 1):
                neighbour = index.copy()
                neighbour[axis] += side
                if not padded[tuple(neighbour)]:
                    area += np.prod(spacing) / step
    return area


@pytest.mark.parametrize("shape", [(7,), (5, 6), (4, 5, 6), (3, 1, 4), (2, 3, 2, 3)])
def test_surface_equals_a_count_of_faces_in_any_dimension(shape):
    mask = np.random.default_rng(0).random(shape) < 0.5
    spacing = tuple(0.5 + 0.7 * axis for axis in range(len(shape)))
    assert surface(mask, spacing) == pytest.approx(brute_force_surface(mask, spacing), rel=1e-12)


def test_cube_has_the_closed_form():
    mask = np.zeros((9, 9, 9), dtype=bool)
    mask[2:5, 3:6, 4:7] = True
    assert shape_of(mask, (2.0, 2.0, 2.0)) == {
        "component_count": 1.0,
        "extent": 1.0,
        "largest_component_share": 1.0,
        "sphericity": pytest.approx((pi / 6) ** (1 / 3), rel=1e-12),
        "surface_to_volume": 1.0,
    }


def test_components_agree_with_scipy_on_the_whole_grid():
    mask = np.random.default_rng(1).random((12, 13, 14)) < 0.25
    components, count = ndimage.label(mask)
    sizes = ndimage.sum(mask, components, range(1, count + 1))
    result = shape_of(mask, (1.0, 1.0, 1.0))
    assert result["component_count"] == count
    assert result["largest_component_share"] == sizes.max() / sizes.sum()


def test_where_the_mask_lies_in_the_grid_does_not_matter():
    blob = np.random.default_rng(2).random((5, 4, 6)) < 0.6
    small, large = np.pad(blob, 1), np.pad(blob, ((9, 2), (0, 7), (3, 3)))
    assert shape_of(small, (1.0, 2.0, 3.0)) == shape_of(large, (1.0, 2.0, 3.0))


def test_empty_mask_gives_zeros():
    empty = np.zeros((4, 4), dtype=bool)
    assert shape_of(empty, (1.0, 1.0)) == dict.fromkeys(MEANINGS, 0.0)
