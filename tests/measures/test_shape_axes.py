import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from skimage.measure import regionprops

from segqc_conformal.measures.shape_axes import MEANINGS, principal_axes, shape_axes


@settings(max_examples=40, deadline=None)
@given(
    shape=st.sampled_from([(11, 9), (9, 8, 7)]),
    kind=st.sampled_from(["blob", "noise", "full"]),
    seed=st.integers(0, 10**6),
)
def test_axes_equal_those_of_scikit_image(draw, shape, kind, seed):
    case = draw(seed, shape, kind)
    found = regionprops(case.judged.astype(int), spacing=case.spacing)[0]
    result = shape_axes(case.structure)
    assert result["axis_major_mm"] == pytest.approx(found.axis_major_length, rel=1e-6)
    assert result["axis_minor_mm"] == pytest.approx(found.axis_minor_length, rel=1e-6, abs=1e-6)


def test_axes_of_a_fine_ellipsoid_are_its_own():
    spacing = (0.5, 0.25, 0.2)
    grid = np.stack(np.meshgrid(*[np.arange(-s, s + 1) for s in (22, 44, 17)], indexing="ij"), -1)
    places = grid * spacing
    mask = (np.square(places / [10.0, 6.0, 3.0]).sum(-1)) <= 1.0
    np.testing.assert_allclose(principal_axes(mask, spacing), [20.0, 12.0, 6.0], rtol=0.02)


def test_turning_the_mask_changes_no_length():
    mask = np.random.default_rng(0).random((6, 7, 5)) < 0.4
    turned = principal_axes(mask.transpose(2, 0, 1), (3.0, 1.0, 2.0))
    np.testing.assert_allclose(turned, principal_axes(mask, (1.0, 2.0, 3.0)), rtol=1e-9)


def test_line_of_voxels_is_flat(draw):
    mask = np.zeros((5, 5, 5), dtype=bool)
    mask[1:4, 2, 2] = True
    assert principal_axes(mask, (1.0, 1.0, 1.0))[1:].tolist() == [0.0, 0.0]


def test_one_voxel_has_no_length_and_no_direction(draw):
    result = shape_axes(draw(0, (5, 5, 5), "one voxel").structure)
    assert (result["axis_major_mm"], result["elongation"], result["flatness"]) == (0.0, 1.0, 1.0)


def test_one_dimension_has_one_axis(draw):
    result = shape_axes(draw(0, (9,), "full").structure)  # 9 voxels of 1 mm: variance 20 / 3
    lengths = [result[f"axis_{name}_mm"] for name in ("major", "middle", "minor")]
    assert lengths == pytest.approx([2 * 20**0.5] * 3, rel=1e-12)


def test_empty_mask_gives_zeros(draw):
    assert shape_axes(draw(0, (4, 4), "empty").structure) == dict.fromkeys(MEANINGS, 0.0)
