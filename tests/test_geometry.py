"""One place says whether grids agree, and names the mistake where they do not."""

import re
from itertools import permutations

import nibabel
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from segqc_conformal.errors import GeometryError
from segqc_conformal.geometry import Grid, check_same_grid, same_grid
from segqc_conformal.geometry_mistakes import axes_in_words, named_mistake

SHAPE = (4, 5, 6)
AFFINE = np.diag([1.0, 2.0, 3.0, 1.0])
AFFINE[:3, 3] = [-10.0, 5.0, 7.0]
AXES = ("left-right", "anterior-posterior", "inferior-superior")


def words(affine, shape=SHAPE, image=AFFINE):
    return named_mistake(Grid(SHAPE, image), Grid(shape, np.asarray(affine)), "a mask").words


def moved(*millimetres):
    affine = AFFINE.copy()
    affine[:3, 3] += millimetres
    return affine


def scaled(*factors):
    affine = AFFINE.copy()
    affine[:3, :3] *= factors
    return affine


def turned(degrees):
    cosine, sine = np.cos(np.radians(degrees)), np.sin(np.radians(degrees))
    affine = AFFINE.copy()
    affine[:3, :3] = np.array([[cosine, -sine, 0], [sine, cosine, 0], [0, 0, 1]]) @ AFFINE[:3, :3]
    return affine


@pytest.mark.parametrize(
    ("affine", "expected"),
    [
        (moved(3.0, 0.0, 0.0), "a mask shifted by 3.0 mm (+3, +0, +0 along x, y, z)"),
        (
            moved(0.5, 1.0, 1.5),
            "a mask shifted by 1.9 mm (+0.5, +1, +1.5 along x, y, z), half a voxel: corners were "
            "taken for centres",
        ),
        (
            scaled(10, 10, 10),
            "a mask whose spacing is 10x too large: 10 x 20 x 30 mm, the image's is 1 x 2 x 3 mm",
        ),
        (
            scaled(1e-3, 1e-3, 1e-3),
            "a mask whose spacing is 1000x too small (metres written as mm): 0.001 x 0.002 x 0.003 "
            "mm, the image's is 1 x 2 x 3 mm",
        ),
        (
            scaled(3, 1, 1 / 3),
            "a mask whose spacing is in another axis order: 3 x 2 x 1 mm, the image's is "
            "1 x 2 x 3 mm",
        ),
        (
            scaled(1, 1, 2),
            "a mask whose spacing is 1 x 2 x 6 mm, the image's is 1 x 2 x 3 mm",
        ),
        (
            np.diag([-1.0, -1.0, 1.0, 1.0]) @ AFFINE,
            "a mask whose affine has x and y of opposite sign: LPS (DICOM, ITK) written as RAS",
        ),
        (
            scaled(-1, 1, 1),
            "a mask left-right flipped (axis 0) in its header, which also moves it by 3.0 mm",
        ),
        (
            AFFINE[:, [2, 1, 0, 3]],
            "a mask whose axes 0 and 2 are swapped in its header, but not in its array of shape "
            "(4, 5, 6)",
        ),
        (turned(7.5), "a mask turned by 7.50 degrees against the image"),
        (AFFINE * np.nan, "a mask whose affine holds NaN or infinity"),
    ],
)
def test_a_mistake_of_the_header_is_named(affine, expected):
    assert words(affine) == expected


@pytest.mark.parametrize(
    ("shape", "expected"),
    [
        ((6, 5, 4), "a mask whose axes 0 and 2 are swapped: shape (6, 5, 4)"),
        ((5, 6, 4), "a mask whose axes 0, 1, 2 are the image's axes 1, 2, 0: shape (5, 6, 4)"),
        ((4, 5, 8), "a mask of shape (4, 5, 8): 2 more along axis 2"),
        ((4, 4, 6), "a mask of shape (4, 4, 6): 1 fewer along axis 1"),
        ((9, 9, 9), "a mask of shape (9, 9, 9)"),
        ((4, 5), "a mask of shape (4, 5), which has 2 spatial axes, not 3"),
    ],
)
def test_a_mistake_of_the_array_is_named_with_and_without_affines(shape, expected):
    assert words(AFFINE, shape) == expected
    assert named_mistake(Grid(SHAPE), Grid(shape), "a mask").words == expected


def test_a_crop_says_where_it_begins():
    affine = AFFINE.copy()
    affine[:3, 3] += AFFINE[:3, :3] @ [0, 0, 2]
    said = words(affine, (4, 5, 4))
    assert said == (
        "a mask of shape (4, 5, 4): 2 fewer along axis 2; begins at voxel (0.0, 0.0, 2.0) of the "
        "image"
    )


def test_the_axis_that_is_ambiguous_is_the_one_that_moves_least():
    mistake = named_mistake(Grid((40, 40, 30)), Grid((30, 40, 40)), "a mask")
    assert mistake.words == "a mask whose axes 0 and 2 are swapped: shape (30, 40, 40)"


oblique = st.tuples(*[st.floats(-20, 20)] * 3, *[st.floats(-90, 90)] * 3)


@settings(max_examples=60, deadline=None)
@given(
    order=st.sampled_from(sorted(permutations(range(3)))),
    signs=st.tuples(*[st.sampled_from((1, -1))] * 3),
    pose=oblique,
)
def test_a_permutation_with_flips_is_named_exactly(order, signs, pose):
    """An array stored in another voxel order, its affine with it, whatever the image's pose."""
    angles, origin = np.radians(pose[:3]), pose[3:]
    rotation = np.eye(3)
    for (one, two), angle in zip(((0, 1), (0, 2), (1, 2)), angles, strict=True):
        turn = np.eye(3)
        turn[[one, one, two, two], [one, two, one, two]] = [
            np.cos(angle),
            -np.sin(angle),
            np.sin(angle),
            np.cos(angle),
        ]
        rotation = rotation @ turn
    affine = np.eye(4)
    affine[:3, :3] = rotation @ np.diag([1.0, 2.0, 3.0])
    affine[:3, 3] = origin
    image = nibabel.Nifti1Image(np.zeros(SHAPE), affine)
    places = [order.index(axis) for axis in range(3)]  # the image's axis k becomes axis places[k]
    other = image.as_reoriented(np.array(list(zip(places, signs, strict=True)), dtype=float))
    grids = Grid(SHAPE, affine), Grid(other.shape, other.affine)
    if order == (0, 1, 2) and signs == (1, 1, 1):
        assert same_grid(*grids)
        return
    mistake = named_mistake(*grids, "a mask")
    if order != (0, 1, 2):
        assert axes_in_words(order) in mistake.words
    assert ("whose" in mistake.words) == (order != (0, 1, 2))
    flipped = {int(axis) for axis in re.findall(r"flipped \(axis (\d)\)", mistake.words)}
    assert flipped == {axis for axis in range(3) if signs[axis] == -1}
    named = [kind for kind in AXES if kind in mistake.words]
    assert len(named) == len(flipped)
    assert "header" not in mistake.words
    assert "voxel order" in mistake.remedy


@settings(max_examples=40, deadline=None)
@given(st.permutations(range(3)))
def test_a_transposed_array_is_named_by_its_shape(order):
    shape = tuple(SHAPE[axis] for axis in order)
    if shape == SHAPE:
        return
    assert axes_in_words(tuple(order)) in words(AFFINE, shape)


def test_the_tolerance_is_a_thousandth_of_a_millimetre():
    assert same_grid(Grid(SHAPE, AFFINE), Grid(SHAPE, moved(0.0009, 0, 0)))
    assert not same_grid(Grid(SHAPE, AFFINE), Grid(SHAPE, moved(0.0011, 0, 0)))
    assert not same_grid(Grid(SHAPE, AFFINE), Grid(SHAPE, AFFINE * np.nan))
    assert same_grid(Grid(SHAPE, AFFINE), Grid(SHAPE))
    assert words(moved(0.0011, 0, 0)).startswith("a mask shifted by 0.0011 mm")


def test_the_error_says_expected_received_and_remedy():
    with pytest.raises(GeometryError) as raised:
        check_same_grid(
            Grid(SHAPE, AFFINE), Grid(SHAPE, moved(3, 0, 0)), "a mask", "c17", or_else="ask"
        )
    assert str(raised.value) == (
        "case c17: expected a mask with the image's affine; received a mask shifted by 3.0 mm (+3, "
        "+0, +0 along x, y, z); remedy: repair its header if the voxels fit, else resample it to "
        "the image's grid, or ask"
    )
    one, two = (Grid((2, 2), spacing_mm=(step, step)) for step in (1.0, 2.0))
    with pytest.raises(GeometryError, match=r"the image's spacing; .* 2x too large"):
        check_same_grid(one, two, "a mask")
