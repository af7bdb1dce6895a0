import highdicom
import numpy as np
import pytest
from dicom_phantom import LPS_TO_RAS, Phantom, uid
from pydicom import FileDataset, dcmread
from pydicom.uid import RLELossless

from segqc_conformal.adapters.dicom_series import read_series
from segqc_conformal.errors import FileFormatError, GeometryError, InputError

TURN = np.linalg.qr(np.random.default_rng(3).normal(size=(3, 3)))[0]
TURN = TURN * np.linalg.det(TURN)  # right-handed
AXIAL = Phantom()
CORONAL = Phantom(column_step=(0.75, 0, 0), row_step=(0, 0, -1.25), slice_step=(0, 2.5, 0))
OBLIQUE = Phantom(
    column_step=tuple(0.75 * TURN[:, 0]),
    row_step=tuple(1.25 * TURN[:, 1]),
    slice_step=tuple(2.5 * TURN[:, 2]),
)


@pytest.mark.parametrize("phantom", [AXIAL, CORONAL, OBLIQUE], ids=["axial", "coronal", "oblique"])
def test_values_orientation_and_spacing_come_through(tmp_path, phantom):
    volume = read_series(phantom.write_slices(tmp_path / "series"))
    np.testing.assert_array_equal(volume.array, phantom.stored)
    np.testing.assert_allclose(volume.affine, phantom.affine, atol=1e-6)
    np.testing.assert_allclose(volume.spacing_mm, (0.75, 1.25, 2.5), atol=1e-6)
    assert volume.frame_of_reference == uid("s1", "space")
    assert volume.array.dtype == np.float32


@pytest.mark.parametrize("phantom", [AXIAL, CORONAL, OBLIQUE], ids=["axial", "coronal", "oblique"])
def test_each_value_lies_where_highdicom_puts_it(tmp_path, phantom):
    files = phantom.write_slices(tmp_path / "series").iterdir()
    theirs = highdicom.get_volume_from_series([dcmread(file) for file in files])
    ours = read_series(tmp_path / "series")
    voxels = np.indices(ours.array.shape).reshape(3, -1)
    world = LPS_TO_RAS @ ours.affine @ np.vstack([voxels, np.ones(voxels.shape[1])])
    found = np.rint(np.linalg.inv(theirs.affine) @ world)[:3].astype(int)
    np.testing.assert_array_equal(theirs.array[tuple(found)], ours.array[tuple(voxels)])


def test_frames_of_an_enhanced_image_come_in_order_of_place_with_their_own_rescale(tmp_path):
    volume = read_series(OBLIQUE.write_enhanced(tmp_path / "image.dcm"))
    np.testing.assert_array_equal(volume.array, 2.0 * OBLIQUE.stored - np.arange(6))
    np.testing.assert_allclose(volume.affine, OBLIQUE.affine, atol=1e-6)
    np.testing.assert_allclose(volume.spacing_mm, (0.75, 1.25, 2.5), atol=1e-6)


def test_each_slice_has_its_own_rescale(tmp_path):
    for at in range(6):
        one = AXIAL(attributes={"RescaleSlope": 1 + at / 4, "RescaleIntercept": -1024}).slice(at)
        one.save_as(tmp_path / f"{at}", enforce_file_format=True)
    expected = AXIAL.stored * (1 + np.arange(6) / 4) - 1024
    np.testing.assert_allclose(read_series(tmp_path).array, expected)


def test_compressed_slices_are_read(tmp_path):
    for at in range(6):
        one = AXIAL.slice(at)
        one.compress(RLELossless)
        one.save_as(tmp_path / f"IM{at}", enforce_file_format=True)
    np.testing.assert_array_equal(read_series(tmp_path).array, AXIAL.stored)


@pytest.mark.parametrize("signed", [0, 1])
def test_bright_is_large_in_monochrome1(tmp_path, signed):
    inverted = {"PhotometricInterpretation": "MONOCHROME1", "PixelRepresentation": signed}
    AXIAL(attributes={**inverted, "BitsStored": 12, "HighBit": 11}).write_slices(tmp_path)
    top = -1 if signed else 4095
    np.testing.assert_array_equal(read_series(tmp_path).array, top - AXIAL.stored)


def test_monochrome1_with_a_rescale_is_refused(tmp_path):
    inverted = {"PhotometricInterpretation": "MONOCHROME1", "RescaleIntercept": -1024}
    AXIAL(attributes=inverted).write_slices(tmp_path)
    with pytest.raises(InputError, match=r"MONOCHROME1 with slope 1\.0 and intercept -1024"):
        read_series(tmp_path)


def test_missing_slices_are_named(tmp_path):
    AXIAL.write_slices(tmp_path, leave_out=(2, 3))
    said = r"case c17: expected a slice every 2\.5 mm; received 2 missing between 51\.dcm "
    with pytest.raises(GeometryError, match=said + r"\(at 102\.50 mm\) and 64\.dcm"):
        read_series(tmp_path, "c17")


def test_of_three_slices_the_middle_one_is_missed(tmp_path):
    AXIAL.write_slices(tmp_path, leave_out=(2, 4, 5))
    with pytest.raises(GeometryError, match=r"a slice every 2\.5 mm; received 1 missing between"):
        read_series(tmp_path)


def moved(at: int, way: tuple[float, float, float]) -> FileDataset:
    dataset = AXIAL.slice(at)
    dataset.ImagePositionPatient = list(np.add(dataset.ImagePositionPatient, way))
    return dataset


@pytest.mark.parametrize(
    ("way", "said"),
    [
        ((0, 0, 0.7), r"3\.2 mm between .* resample the series to even steps"),
        ((0, 0, 2.5), r"one slice in each place; received one place for "),
        ((0.3, 0, 0), r"slices on a straight line at even steps; received .* off by 0\.3 mm"),
    ],
    ids=["uneven", "twice in one place", "sideways"],
)
def test_slices_that_make_no_grid_are_refused(tmp_path, way, said):
    AXIAL.write_slices(tmp_path, leave_out=(3,))
    moved(3, way).save_as(tmp_path / "moved", enforce_file_format=True)
    with pytest.raises(GeometryError, match=said):
        read_series(tmp_path)


def test_a_table_that_moves_a_little_unevenly_is_no_fault(tmp_path):
    AXIAL.write_slices(tmp_path, leave_out=(3,))
    moved(3, (0, 0, 0.02)).save_as(tmp_path / "moved", enforce_file_format=True)
    np.testing.assert_allclose(read_series(tmp_path).affine, AXIAL.affine, atol=1e-6)


def test_a_tilted_gantry_is_refused(tmp_path):
    AXIAL(slice_step=(0, 0.4, 2.5)).write_slices(tmp_path / "tilted")
    with pytest.raises(GeometryError, match=r"shift sideways, by 0\.4 mm each; .*gantry"):
        read_series(tmp_path / "tilted")
    level = AXIAL(slice_step=(0, 0.01, 2.5))  # as where an orientation has few digits
    volume = read_series(level.write_slices(tmp_path / "level"))
    np.testing.assert_allclose(volume.affine, level.affine, atol=1e-6)


@pytest.mark.parametrize(
    ("change", "odd"),
    [
        ({"rows": 3}, "size"),
        ({"column_step": (0.7, 0, 0)}, "orientation or pixel spacing"),
        ({"row_step": (0, 0, 1.25), "slice_step": (0, -2.5, 0)}, "orientation or pixel spacing"),
    ],
    ids=["size", "spacing", "localizer"],
)
def test_a_slice_unlike_the_others_is_named(tmp_path, change, odd):
    AXIAL.write_slices(tmp_path, leave_out=(5,))
    AXIAL(**change).slice(5).save_as(tmp_path / "odd.dcm", enforce_file_format=True)
    with pytest.raises(GeometryError, match=rf"slices of one {odd}; received odd\.dcm unlike"):
        read_series(tmp_path)


def test_two_series_in_a_folder_are_refused(tmp_path):
    AXIAL.write_slices(tmp_path)
    AXIAL(name="s2").slice(2).save_as(tmp_path / "x", enforce_file_format=True)
    said = rf"CT {uid('s1', 'series')}: 6 files \(00.dcm, ...\); CT {uid('s2', 'series')}: 1 files"
    with pytest.raises(InputError, match=said):
        read_series(tmp_path)


@pytest.mark.parametrize("damage", ["truncated", "not DICOM", "missing"])
def test_damaged_files_are_typed_errors_naming_file_and_case(tmp_path, damage):
    folder = AXIAL.write_slices(tmp_path / "series")
    file = folder / "13.dcm" if damage != "not DICOM" else folder / "notes.txt"
    if damage == "truncated":
        file.write_bytes(file.read_bytes()[:-9])
    elif damage == "not DICOM":
        file.write_text("export of Tuesday")
    else:
        folder = file = tmp_path / "absent.dcm"
    with pytest.raises(FileFormatError, match=rf"case c17: expected .*{file.name}"):
        read_series(folder, "c17")


def test_what_is_no_volume_is_refused(tmp_path):
    AXIAL.slice(0).save_as(tmp_path / "slice.dcm", enforce_file_format=True)
    with pytest.raises(FileFormatError, match=r"multi-frame image in slice\.dcm; .* single slice"):
        read_series(tmp_path / "slice.dcm")
    colour = AXIAL.slice(0)
    colour.SamplesPerPixel = 3
    colour.save_as(tmp_path / "slice.dcm", enforce_file_format=True)
    with pytest.raises(FileFormatError, match="one grey value per pixel"):
        read_series(tmp_path)
    nowhere = AXIAL.slice(0)
    del nowhere.ImagePositionPatient
    nowhere.save_as(tmp_path / "slice.dcm", enforce_file_format=True)
    with pytest.raises(GeometryError, match=r"ImagePositionPatient in slice\.dcm; received none"):
        read_series(tmp_path)


def test_one_slice_is_as_thick_as_it_says(tmp_path):
    AXIAL.slice(0).save_as(tmp_path / "slice.dcm", enforce_file_format=True)
    assert read_series(tmp_path).spacing_mm == (0.75, 1.25, 9.0)
