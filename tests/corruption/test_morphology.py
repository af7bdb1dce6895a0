import numpy as np

from segqc_conformal.corruption import ReferenceMasks, dilation, erosion
from segqc_conformal.corruption.morphology import REACH
from segqc_conformal.corruption.reference_masks import side_mm


def test_dilation_reaches_as_far_in_mm_along_every_axis():
    mask = np.zeros((1, 60, 60), dtype=bool)
    mask[0, 20:40, 26:34] = True
    spacing = (1.0, 3.0)
    reach = REACH * side_mm(mask[0], spacing)
    path = dilation(ReferenceMasks(mask, spacing), np.random.default_rng(0))
    grown = path(8.0 / reach)[0]
    rows, columns = (np.flatnonzero(grown.any(axis=axis)) for axis in (1, 0))
    # 8 mm and less than a voxel (1 mm) more, on either side
    assert 20 - rows[0] in (8, 9)
    assert (26 - columns[0]) * 3.0 in (6.0, 9.0)
    assert grown[mask[0]].all()


def test_erosion_takes_the_boundary_first():
    mask = np.zeros((1, 21, 21), dtype=bool)
    mask[0, 3:18, 3:18] = True
    path = erosion(ReferenceMasks(mask, (1.0, 1.0)), np.random.default_rng(0))
    left = path(0.5)[0]
    assert left[10, 10]
    assert not left[3].any()
    assert not left[:, 17].any()
    assert not path(1.0).any()


def test_thick_slices_do_not_erode_before_thin_ones():
    mask = np.zeros((1, 30, 9), dtype=bool)
    mask[0, 5:25, 2:7] = True  # 20 x 25 mm
    path = erosion(ReferenceMasks(mask, (1.0, 5.0)), np.random.default_rng(0))
    shallow = path(0.25)[0]  # a quarter of 10 or 11 mm: less than a slice, more than a row
    assert not shallow[5].any()
    assert shallow[10:20, 2].all()
