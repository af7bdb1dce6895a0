import numpy as np
import pytest

from segqc_conformal.adapters.nifti import write_volume
from segqc_conformal.errors import GeometryError
from segqc_conformal.features.reference_dice import reference_dice

AFFINE = np.diag([1.0, 1.0, 2.0, 1.0])


def test_dice_of_each_structure_is_that_of_the_files(tmp_path):
    mask = np.zeros((4, 5, 6), np.uint8)
    mask[:, :2], mask[:, 2:4] = 1, 2
    reference = mask.copy()
    reference[:, 1] = 0
    write_volume(tmp_path / "m.nii.gz", mask, AFFINE)
    write_volume(tmp_path / "r.nii.gz", reference, AFFINE)
    found = reference_dice("c1", tmp_path / "m.nii.gz", tmp_path / "r.nii.gz", {"a": 1, "b": 2})
    assert found == {"a": pytest.approx(2 / 3), "b": 1.0}


def test_overlapping_regions_are_the_last_axis(tmp_path):
    regions = np.zeros((4, 5, 6, 2), np.uint8)
    regions[:2, ..., 0], regions[:3, ..., 1] = 1, 1
    reference = regions.copy()
    reference[1, ..., 1] = 0
    write_volume(tmp_path / "m.nii.gz", regions, AFFINE)
    write_volume(tmp_path / "r.nii.gz", reference, AFFINE)
    found = reference_dice("c1", tmp_path / "m.nii.gz", tmp_path / "r.nii.gz", {"a": 1, "b": 2})
    assert found == {"a": 1.0, "b": pytest.approx(0.8)}


def test_a_reference_on_another_grid_is_refused_by_name(tmp_path):
    moved = AFFINE.copy()
    moved[0, 3] = 3.0
    write_volume(tmp_path / "m.nii.gz", np.zeros((4, 5, 6), np.uint8), AFFINE)
    write_volume(tmp_path / "r.nii.gz", np.zeros((4, 5, 6), np.uint8), moved)
    with pytest.raises(GeometryError, match=r"case c1: .*a reference shifted by 3\.0 mm"):
        reference_dice("c1", tmp_path / "m.nii.gz", tmp_path / "r.nii.gz", {"a": 1})
