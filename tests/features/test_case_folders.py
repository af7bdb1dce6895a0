from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pytest

from segqc_conformal.adapters.nifti import write_volume
from segqc_conformal.errors import FileFormatError, GeometryError, InputError
from segqc_conformal.features.case_files import CaseFiles
from segqc_conformal.features.case_folders import find_cases, find_files, find_samples, find_volumes
from segqc_conformal.features.case_list import ListedCase, read_case_list
from segqc_conformal.features.stored_case_files import StoredCaseFiles

SHAPE = (3, 4, 5)
SPACING = (1.0, 1.0, 2.5)
AFFINE = np.diag([*SPACING, 1.0])


def touched(folder: Path, *names: str) -> Path:
    for name in names:
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    return folder


def labels(path: Path, affine=AFFINE) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    write_volume(path, np.ones(SHAPE, np.uint8), affine)
    return path


def saved(folder: Path, name: str = "c1", **arrays) -> Path:
    np.savez(folder / f"{name}.npz", probabilities=np.full((2, 2, *SHAPE), 0.5), **arrays)
    return folder


def stored(folder: Path, **given) -> StoredCaseFiles:
    (case,) = find_cases(probabilities=folder, **given).cases
    assert isinstance(case, StoredCaseFiles)
    return case


def test_images_masks_and_references_are_matched_by_name(tmp_path):
    images = touched(tmp_path / "i", "c1.nii.gz", "c2.nii", ".hidden.nii.gz", "readme.txt")
    masks = touched(tmp_path / "m", "c1.nii.gz", "c2.nii.gz")
    references = touched(tmp_path / "r", "c2.nii.gz")
    found = find_cases(images=images, masks=masks, references=references)
    assert found.cases == (
        CaseFiles("c1", "c1", "unknown", images / "c1.nii.gz", masks / "c1.nii.gz"),
        CaseFiles(
            "c2", "c2", "unknown", images / "c2.nii", masks / "c2.nii.gz", references / "c2.nii.gz"
        ),
    )
    assert found.unused == ()
    assert found.samples == {}


def test_masks_and_references_of_no_case_are_unused(tmp_path):
    images = touched(tmp_path / "i", "c1.nii.gz")
    masks = touched(tmp_path / "m", "c1.nii.gz", "c9.nii.gz")
    references = touched(tmp_path / "r", "c8.nii.gz")
    found = find_cases(images=images, masks=masks, references=references)
    assert found.unused == (masks / "c9.nii.gz", references / "c8.nii.gz")


def test_list_decides_which_cases_go_in(tmp_path):
    images = touched(tmp_path / "i", "c1.nii.gz", "c2.nii.gz")
    listed = [ListedCase("c2", "p7", "A", datetime(2026, 1, 2, tzinfo=UTC)), ListedCase("c3", "p8")]
    found = find_cases(images=images, listed=listed)
    assert [(case.case_id, case.patient_id, case.site) for case in found.cases] == [
        ("c2", "p7", "A"),
        ("c3", "p8", "unknown"),
    ]
    assert found.cases[0].time == listed[0].time
    assert found.unused == (images / "c1.nii.gz",)
    with pytest.raises(FileFormatError, match="case c3: expected an existing NIfTI file"):
        found.cases[1].load()


def test_missing_deployed_mask_fails_the_case_instead_of_judging_another_mask(tmp_path):
    labels(tmp_path / "i" / "c1.nii.gz")
    (case,) = find_cases(images=tmp_path / "i", masks=touched(tmp_path / "m", "x.nii")).cases
    with pytest.raises(FileFormatError, match=r"case c1: expected an existing .*m/c1\.nii\.gz"):
        case.load()


def test_samples_are_files_or_folders_of_nifti(tmp_path):
    folder = touched(tmp_path, "a.npz", "b.nii.gz", "c/s1.nii.gz", "c/s2.nii", "d/notes.txt")
    assert find_samples(folder) == {
        "a": (folder / "a.npz",),
        "b": (folder / "b.nii.gz",),
        "c": (folder / "c/s1.nii.gz", folder / "c/s2.nii"),
    }


def test_listed_case_without_samples_fails_by_name(tmp_path):
    found = find_cases(probabilities=saved(tmp_path), listed=[ListedCase("c2", "p2")])
    with pytest.raises(FileFormatError, match=r"case c2: expected an existing .*c2\.npz"):
        found.cases[0].load()


@pytest.mark.parametrize(
    "names", [("c1.npz", "c1.nii.gz"), ("c1.npz", "c1/s.nii.gz")], ids=["two files", "and a folder"]
)
def test_two_files_of_one_case_are_refused(tmp_path, names):
    with pytest.raises(InputError, match=r"case c1: expected one file"):
        find_samples(touched(tmp_path, *names))


def test_folder_without_cases_says_what_is_read(tmp_path):
    with pytest.raises(InputError, match=r"at least one case.*array 'probabilities'"):
        find_cases(probabilities=touched(tmp_path, "c1.txt"))
    with pytest.raises(InputError, match="folder of images"):
        find_cases(images=tmp_path)
    with pytest.raises(FileFormatError, match="expected an existing folder"):
        find_files(tmp_path / "nowhere")


def test_npz_grid_is_its_own_spacing(tmp_path):
    case = stored(saved(tmp_path, spacing_mm=SPACING)).load()
    assert (case.spatial_shape, case.spacing) == (SHAPE, SPACING)


def test_npz_grid_is_the_spacing_given(tmp_path):
    assert stored(saved(tmp_path), spacing_mm=(2.0, 2.0, 2.0)).load().spacing == (2.0, 2.0, 2.0)


def test_spacing_in_the_npz_goes_before_the_one_given(tmp_path):
    folder = saved(tmp_path, spacing_mm=SPACING)
    assert stored(folder, spacing_mm=(2.0, 2.0, 2.0)).load().spacing == SPACING


@pytest.mark.parametrize("role", ["images", "masks", "references"])
def test_npz_grid_is_that_of_a_nifti_file_of_the_case(tmp_path, role):
    labels(tmp_path / role / "c1.nii.gz")
    case = stored(saved(tmp_path), **{role: tmp_path / role}).load()
    assert (case.spatial_shape, case.spacing) == (SHAPE, SPACING)
    assert (case.mask is not None, case.reference is not None) == (
        role == "masks",
        role == "references",
    )


def test_npz_without_any_spacing_is_refused(tmp_path):
    with pytest.raises(InputError, match=r"case c1: expected a voxel size.*give --spacing"):
        stored(saved(tmp_path)).load()


def test_folder_of_masks_inside_the_probabilities_is_no_case(tmp_path):
    labels(tmp_path / "masks" / "c1.nii.gz")
    found = find_cases(probabilities=saved(tmp_path), masks=tmp_path / "masks")
    assert [case.case_id for case in found.cases] == ["c1"]


def test_npz_with_another_spacing_than_the_mask_is_refused(tmp_path):
    labels(tmp_path / "m" / "c1.nii.gz")
    with pytest.raises(GeometryError, match=r"case c1: .*whose spacing is .*c1\.nii\.gz"):
        stored(saved(tmp_path, spacing_mm=SPACING[::-1]), masks=tmp_path / "m").load()


def test_npz_without_axis_of_samples_is_refused(tmp_path):
    np.savez(tmp_path / "c1.npz", probabilities=np.full((2, *SHAPE), 0.5), spacing_mm=SPACING)
    with pytest.raises(GeometryError, match=r"3 spatial axes; received 2.*probabilities\[None\]"):
        stored(tmp_path).load()


@pytest.mark.parametrize("content", [b"", b"\x07" * 900], ids=["empty", "garbage"])
def test_corrupt_npz_is_a_typed_error(tmp_path, content):
    (tmp_path / "c1.npz").write_bytes(content)
    with pytest.raises(FileFormatError, match=r"case c1: expected a readable c1\.npz"):
        stored(tmp_path).load()


def test_reference_on_another_grid_than_the_mask_is_refused(tmp_path):
    labels(tmp_path / "m" / "c1.nii.gz")
    labels(tmp_path / "r" / "c1.nii.gz", affine=np.diag([1.0, 1.0, 3.0, 1.0]))
    with pytest.raises(GeometryError, match="case c1: expected a reference with the image's aff"):
        stored(saved(tmp_path), masks=tmp_path / "m", references=tmp_path / "r").load()


def test_nifti_samples_bring_their_grid(tmp_path):
    (tmp_path / "p" / "c1").mkdir(parents=True)
    for name in ("s1", "s2"):
        array = np.full((*SHAPE, 2), 0.5, np.float32)
        write_volume(tmp_path / "p" / "c1" / f"{name}.nii.gz", array, AFFINE)
    case = stored(tmp_path / "p")
    assert case.image == tmp_path / "p" / "c1"
    assert (case.load().spatial_shape, case.load().spacing) == (SHAPE, SPACING)


def listed(folder: Path, text: str) -> list[ListedCase]:
    (folder / "cases.csv").write_text(text)
    return read_case_list(folder / "cases.csv")


def test_list_keeps_ids_as_written_and_reads_times_as_utc(tmp_path):
    text = "case_id,patient_id,site,time\n0012,007,,2026-01-02T08:00+01:00\nNA,7,B,\n"
    assert listed(tmp_path, text) == [
        ListedCase("0012", "007", "unknown", datetime(2026, 1, 2, 7, tzinfo=UTC)),
        ListedCase("NA", "7", "B", None),
    ]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("case_id,site\nc1,A\n", "expected the columns patient_id in cases.csv"),
        (
            "case_id,patient_id\nc1,p1\nc1,p2\n",
            r"each case once in cases.csv; received c1 again, for the patients p1, p2",
        ),
        ("case_id,patient_id\nc1,p1\nc2,\n", "text in column patient_id .*'' in row 2"),
        ("case_id,patient_id,time\nc1,p1,yesterday\n", "ISO 8601 times in cases.csv"),
        ("", "a readable table in cases.csv"),
    ],
    ids=["no column", "case twice", "empty id", "bad time", "empty file"],
)
def test_unusable_lists_are_typed_errors(tmp_path, text, message):
    with pytest.raises(InputError, match=message):
        listed(tmp_path, text)


def test_dicom_series_are_folders_and_whole_files(tmp_path):
    folder = touched(tmp_path, "a.nii.gz", "b.dcm", "c/IM0001", "d/notes.txt", "e/._IM1", "m/x")
    for name in ("c/IM0001", "e/._IM1", "m/x"):
        (folder / name).write_bytes(bytes(128) + b"DICM")
    found = find_volumes(folder, apart=[folder / "m"])
    assert found == {"a": folder / "a.nii.gz", "b": folder / "b.dcm", "c": folder / "c"}
    with pytest.raises(InputError, match="case c: expected one file or one folder for each case"):
        find_volumes(touched(folder, "c.nii"))
