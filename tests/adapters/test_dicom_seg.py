import numpy as np
import pytest
from dicom_phantom import Phantom
from pydicom import dcmread

from segqc_conformal.adapters.nifti import write_volume
from segqc_conformal.errors import FileFormatError, GeometryError
from segqc_conformal.features.case_reading import read_case

AXIAL = Phantom()
FACTS = {"case_id": "c17", "patient_id": "p"}


def parts() -> np.ndarray:
    labels = np.zeros((5, 4, 6), np.uint8)
    labels[1:3, 0, 1] = 1
    labels[4, 1:4, 1] = 2
    labels[0, 3, 4] = 2  # slices 0, 2, 3 and 5 are empty and left out of the file
    return labels


@pytest.mark.parametrize("kind", ["BINARY", "LABELMAP"])
def test_segments_lie_on_the_image(tmp_path, kind):
    seg = AXIAL.write_seg(tmp_path / "seg.dcm", parts(), kind)
    series = AXIAL.write_slices(tmp_path / "series")
    case = read_case(series, **FACTS, mask=seg, reference=seg)
    np.testing.assert_array_equal(case.image, AXIAL.stored)
    np.testing.assert_array_equal(case.mask, parts())
    np.testing.assert_array_equal(case.reference, parts())
    np.testing.assert_allclose(case.affine, AXIAL.affine, atol=1e-6)
    assert case.spacing_mm == (0.75, 1.25, 2.5)


def test_overlapping_segments_are_a_stack_of_regions(tmp_path):
    regions = np.stack([parts() > 0, parts() == 2, parts() == 1])
    seg = AXIAL.write_seg(tmp_path / "seg.dcm", regions)
    case = read_case(AXIAL.write_slices(tmp_path / "series"), **FACTS, mask=seg)
    np.testing.assert_array_equal(case.mask, regions)


def test_dicom_and_nifti_of_one_grid_go_together(tmp_path):
    seg = AXIAL.write_seg(tmp_path / "seg.dcm", parts())
    series = AXIAL.write_slices(tmp_path / "series")
    write_volume(tmp_path / "image.nii", AXIAL.stored, AXIAL.affine)
    write_volume(tmp_path / "mask.nii", parts(), AXIAL.affine)
    mixed = read_case(tmp_path / "image.nii", **FACTS, mask=seg)
    np.testing.assert_array_equal(mixed.mask, parts())
    mixed = read_case(series, **FACTS, mask=tmp_path / "mask.nii")
    np.testing.assert_array_equal(mixed.mask, parts())
    turned = AXIAL.affine @ np.diag([1, -1, 1, 1])  # rows in the other order, as dcm2niix has them
    write_volume(tmp_path / "mask.nii", parts()[:, ::-1], turned)
    with pytest.raises(GeometryError, match="case c17: expected a mask with the image's affine"):
        read_case(series, **FACTS, mask=tmp_path / "mask.nii")


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"origin": (-29.75, 12.25, 100)}, r"first voxel at \[1\.0, 0\.0, 1\.0\]"),
        ({"origin": (-30.5, 12.25, 101.25)}, r"first voxel at \[0\.0, 0\.0, 1\.5\]"),
        ({"origin": (-30.5, 12.25, 115)}, r"first voxel at \[0\.0, 0\.0, 7\.0\]"),
        ({"row_step": (0, 1.3, 0)}, r"5 columns x 4 rows"),
        ({"row_step": (0, -1.25, 0), "slice_step": (0, 0, -2.5)}, r"5 columns x 4 rows"),
        ({"columns": 4}, r"received frame 1 of seg\.dcm of 4 x 4"),
    ],
    ids=["a voxel aside", "between slices", "beyond", "spacing", "turned", "size"],
)
def test_a_seg_off_the_grid_is_refused(tmp_path, change, said):
    other = AXIAL(**change)
    seg = other.write_seg(tmp_path / "seg.dcm", parts()[: other.columns])
    series = AXIAL.write_slices(tmp_path / "series")
    with pytest.raises(GeometryError, match=r"case c17: expected a reference of slices.*" + said):
        read_case(series, **FACTS, reference=seg)


def test_a_seg_of_another_space_is_refused(tmp_path):
    seg = AXIAL(name="s2").write_seg(tmp_path / "seg.dcm", parts())
    with pytest.raises(GeometryError, match="a mask in the image's frame of reference"):
        read_case(AXIAL.write_slices(tmp_path / "series"), **FACTS, mask=seg)


def test_what_is_no_mask_is_refused(tmp_path):
    series = AXIAL.write_slices(tmp_path / "series")
    soft = AXIAL.write_seg(tmp_path / "soft.dcm", parts() / 2, "FRACTIONAL")
    for wrong in (soft, series):
        with pytest.raises(FileFormatError, match="case c17: expected one DICOM SEG of type BIN"):
            read_case(series, **FACTS, mask=wrong)
    seg = AXIAL.write_seg(tmp_path / "seg.dcm", parts())
    with pytest.raises(FileFormatError, match=r"an image series in seg\.dcm; received SEG"):
        read_case(seg, **FACTS)
    assert dcmread(seg).NumberOfFrames == 3  # of 12: the others were left out
