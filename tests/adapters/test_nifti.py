import nibabel
import numpy as np
import pytest

from segqc_conformal.adapters.nifti import read_grid, read_volume, write_volume
from segqc_conformal.errors import FileFormatError, GeometryError, InputError
from segqc_conformal.features.case_reading import read_case

AFFINE = np.array([[-1.5, 0, 0, 10], [0, 2.0, 0.1, -4], [0, 0, 2.5, 7], [0, 0, 0, 1]], dtype=float)


@pytest.mark.parametrize("dtype", [np.uint8, np.int16, np.float32, np.float64, np.int64, bool])
def test_written_values_and_geometry_come_back(tmp_path, dtype):
    array = np.random.default_rng(0).integers(0, 2, (3, 4, 5)).astype(dtype)
    write_volume(tmp_path / "v.nii.gz", array, AFFINE)
    volume = read_volume(tmp_path / "v.nii.gz")
    np.testing.assert_array_equal(volume.array, array)
    np.testing.assert_allclose(volume.affine, AFFINE, atol=1e-5)
    np.testing.assert_allclose(volume.spacing_mm, np.linalg.norm(AFFINE[:3, :3], axis=0), rtol=1e-6)


def test_fourth_axis_of_an_image_is_its_channels(tmp_path):
    array = np.random.default_rng(0).normal(size=(3, 4, 5, 2)).astype(np.float32)
    write_volume(tmp_path / "v.nii", array, AFFINE)
    case = read_case(tmp_path / "v.nii", case_id="c", patient_id="p")
    assert case.spatial_shape == (3, 4, 5)
    np.testing.assert_array_equal(case.channels_first(), np.moveaxis(array, -1, 0))


@pytest.mark.parametrize("suffix", ["nii", "nii.gz"])
@pytest.mark.parametrize("damage", ["truncated header", "truncated data", "garbage", "empty"])
def test_damaged_files_are_typed_errors_naming_the_case(tmp_path, suffix, damage):
    path = tmp_path / f"v.{suffix}"
    write_volume(path, np.random.default_rng(0).normal(size=(9, 9, 9)), AFFINE)
    whole = path.read_bytes()
    path.write_bytes(
        {
            "truncated header": whole[:40],
            "truncated data": whole[:-200],
            "garbage": b"\x05" * 999,
            "empty": b"",
        }[damage]
    )
    with pytest.raises(FileFormatError, match=r"case c17: expected a readable NIfTI file in v"):
        read_case(path, case_id="c17", patient_id="p")


@pytest.mark.parametrize("name", ["mask", "reference"])
def test_shape_and_affine_of_masks_must_be_the_images(tmp_path, name):
    write_volume(tmp_path / "image.nii", np.zeros((4, 5, 6), np.float32), AFFINE)
    shifted = AFFINE + np.array([[0, 0, 0, 0.01]] * 3 + [[0] * 4])
    write_volume(tmp_path / "shape.nii", np.zeros((5, 4, 6), np.uint8), AFFINE)
    write_volume(tmp_path / "shifted.nii", np.zeros((4, 5, 6), np.uint8), shifted)
    write_volume(tmp_path / "close.nii", np.zeros((4, 5, 6), np.uint8), AFFINE + 1e-5 * AFFINE)
    facts = {"case_id": "c17", "patient_id": "p"}
    with pytest.raises(GeometryError, match=f"case c17: expected a {name} of the image's shape"):
        read_case(tmp_path / "image.nii", **facts, **{name: tmp_path / "shape.nii"})
    with pytest.raises(GeometryError, match=r"image's affine; received .* shifted by 0\.017 mm"):
        read_case(tmp_path / "image.nii", **facts, **{name: tmp_path / "shifted.nii"})
    case = read_case(tmp_path / "image.nii", **facts, **{name: tmp_path / "close.nii"})
    assert getattr(case, name).dtype == np.int64


def test_labels_saved_as_floats_are_read_and_fractions_refused(tmp_path):
    write_volume(tmp_path / "image.nii", np.zeros((4, 5, 6), np.float32), AFFINE)
    write_volume(tmp_path / "labels.nii", np.full((4, 5, 6), 2.0, np.float32), AFFINE)
    write_volume(tmp_path / "soft.nii", np.full((4, 5, 6), 0.5, np.float32), AFFINE)
    facts = {"case_id": "c17", "patient_id": "p"}
    assert read_case(tmp_path / "image.nii", mask=tmp_path / "labels.nii", **facts).mask.max() == 2
    with pytest.raises(InputError, match="case c17: expected a mask of whole labels"):
        read_case(tmp_path / "image.nii", mask=tmp_path / "soft.nii", **facts)


def test_nan_in_the_image_is_refused_naming_the_case(tmp_path):
    write_volume(tmp_path / "image.nii", np.full((4, 5, 6), np.nan, np.float32), AFFINE)
    with pytest.raises(InputError, match="case c17: expected an image of finite numbers"):
        read_case(tmp_path / "image.nii", case_id="c17", patient_id="p")


def test_scaled_integers_are_read_as_the_values_they_stand_for(tmp_path):
    image = nibabel.Nifti1Image(np.arange(24, dtype=np.int16).reshape(2, 3, 4), np.eye(4))
    image.header.set_slope_inter(0.5, 10)
    nibabel.save(image, tmp_path / "scaled.nii")
    assert read_volume(tmp_path / "scaled.nii").array.max() == 21.5


@pytest.mark.parametrize(("unit", "factor"), [("meter", "1000"), ("micron", "0.001")])
def test_voxel_sizes_in_another_unit_are_refused(tmp_path, unit, factor):
    image = nibabel.Nifti1Image(np.zeros((2, 3, 4), np.float32), np.diag([1.0, 1.0, 2.5, 1.0]))
    image.header.set_xyzt_units(unit)
    nibabel.save(image, tmp_path / "c.nii")
    for read in (read_volume, read_grid):
        with pytest.raises(GeometryError, match=f"case c17: .*1 x 1 x 2.5 {unit}s.*by {factor},"):
            read(tmp_path / "c.nii", "c17")


def test_a_grid_is_read_from_the_header_alone(tmp_path):
    affine = np.diag([1.0, 1.0, 2.5, 1.0])
    write_volume(tmp_path / "c.nii", np.zeros((2, 3, 4, 5), np.float32), affine)
    whole = (tmp_path / "c.nii").read_bytes()
    (tmp_path / "c.nii").write_bytes(whole[:400])
    grid = read_grid(tmp_path / "c.nii")
    assert grid.shape == (2, 3, 4, 5)
    assert grid.spacing_mm == (1.0, 1.0, 2.5)
    assert np.array_equal(grid.affine, affine)
    with pytest.raises(FileFormatError, match="readable NIfTI"):
        read_volume(tmp_path / "c.nii")
