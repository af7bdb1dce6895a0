from datetime import datetime

import highdicom
import numpy as np
import pytest
from dicom_phantom import Phantom
from pydicom import dcmread

from segqc_conformal.adapters.dicom_regions import write_regions
from segqc_conformal.adapters.dicom_seg import read_segmentation
from segqc_conformal.adapters.dicom_series import read_series
from segqc_conformal.errors import GeometryError, InputError

OBLIQUE = Phantom(
    column_step=(0.45, 0.6, 0), row_step=(-1.0, 0.75, 0), slice_step=(0, 0, 2.5), name="oblique"
)
NOW = datetime(2026, 5, 6, 7, 8, 9)


@pytest.fixture
def labels():
    labels = np.zeros((5, 4, 6), np.int64)
    labels[1:3, 0, 2] = 1
    labels[4, 1:4, 4] = 7
    labels[0, 0, 0] = 3  # not named
    return labels


@pytest.fixture(params=["slices", "enhanced"])
def series(tmp_path, request):
    if request.param == "slices":
        return OBLIQUE.write_slices(tmp_path / "series")
    return OBLIQUE.write_enhanced(tmp_path / "image.dcm")


def test_regions_come_back_in_their_place(tmp_path, series, labels):
    image, regions = read_series(series), {"edge": labels == 1, "tip": labels == 7}
    path = write_regions(tmp_path / "out" / "seg.dcm", regions, series, image, now=NOW)
    expected = np.where(labels == 7, 2, labels == 1)
    np.testing.assert_array_equal(read_segmentation(path, image), expected)
    theirs = highdicom.seg.segread(path)
    assert [segment.SegmentLabel for segment in theirs.SegmentSequence] == ["edge", "tip"]
    geometry = highdicom.VolumeGeometry(
        np.diag([-1.0, -1, 1, 1]) @ image.affine,
        image.array.shape,
        "PATIENT",
        image.frame_of_reference,
    )
    placed = theirs.get_volume(combine_segments=True).match_geometry(geometry)
    np.testing.assert_array_equal(placed.array, expected)


def test_patient_study_and_references_are_those_of_the_series(tmp_path, series, labels):
    path = write_regions(tmp_path / "seg.dcm", {"tip": labels == 7}, series, read_series(series))
    seg = dcmread(path)
    sources = [dcmread(file) for file in (series.iterdir() if series.is_dir() else [series])]
    for keyword in (
        *("PatientID", "PatientName", "PatientBirthDate", "PatientSex", "AccessionNumber"),
        *("StudyInstanceUID", "StudyDate", "StudyTime", "StudyID", "FrameOfReferenceUID"),
    ):
        assert seg[keyword].value == sources[0][keyword].value
    assert seg.SeriesInstanceUID != sources[0].SeriesInstanceUID
    (reference,) = seg.ReferencedSeriesSequence
    assert reference.SeriesInstanceUID == sources[0].SeriesInstanceUID
    held = {item.ReferencedSOPInstanceUID for item in reference.ReferencedInstanceSequence}
    assert held == {source.SOPInstanceUID for source in sources}


def test_writing_again_gives_the_same_object(tmp_path, series, labels):
    image = read_series(series)

    def write(name, label, now=NOW):
        regions = {f"label {label}": labels == label}
        return write_regions(tmp_path / name, regions, series, image, now=now)

    first = write("a.dcm", 7)
    whole = first.read_bytes()
    write("a.dcm", 7, now=None)
    assert first.read_bytes() == whole
    again, other = dcmread(write("b.dcm", 7)), dcmread(write("c.dcm", 1))
    for dataset in (again, held := dcmread(first)):
        for keyword in ("InstanceCreationDate", "InstanceCreationTime"):
            del dataset[keyword]
        del dataset.ContributingEquipmentSequence[-1].ContributionDateTime
    assert again == held
    assert other.SOPInstanceUID != held.SOPInstanceUID
    assert other.SeriesInstanceUID == held.SeriesInstanceUID
    write("a.dcm", 1)
    assert dcmread(first).SOPInstanceUID == other.SOPInstanceUID


def test_regions_may_overlap(tmp_path, series, labels):
    image, regions = read_series(series), {"both": labels > 0, "tip": labels == 7}
    path = write_regions(tmp_path / "seg.dcm", regions, series, image)
    np.testing.assert_array_equal(read_segmentation(path, image), np.stack([*regions.values()]))


def test_regions_off_the_series_and_nothing_at_all_are_refused(tmp_path, series, labels):
    image = read_series(series)
    with pytest.raises(GeometryError, match=r"case c17: .*shape \(5, 4, 6\); received \(4, 4, 6\)"):
        write_regions(tmp_path / "s", {"tip": labels[1:]}, series, image, case_id="c17")
    adrift = image._replace(frame_of_reference=None)
    with pytest.raises(InputError, match="FrameOfReferenceUID in the series"):
        write_regions(tmp_path / "s", {"tip": labels == 7}, series, adrift)
    with pytest.raises(InputError, match="a region with a voxel"):
        write_regions(tmp_path / "s", {"none": labels == 9}, series, image)
