"""What is looked at where only some folders are given, and what a list and probabilities add."""

import numpy as np
import pytest

from segqc_conformal.adapters.nifti import write_volume
from segqc_conformal.doctor.cases import holds_probabilities
from segqc_conformal.doctor.diagnosis import diagnose
from segqc_conformal.doctor.subjects import Subjects

SHAPE = (3, 4, 5)
STRUCTURES = {"near": 1, "far": 2}


def about(findings, subject):
    return [(found.level, found.message) for found in findings if found.subject == subject]


def volume(path, array, spacing=1.0):
    path.parent.mkdir(exist_ok=True)
    write_volume(path, array, np.diag([1.0, 1.0, spacing, 1.0]))


@pytest.fixture
def folders(tmp_path):
    """Two cases with images and both masks, all in order."""
    for number in (1, 2):
        labels = np.arange(60, dtype=np.uint8).reshape(SHAPE) % 3
        reference = labels.copy()
        reference[0, 0, :3] = 0
        volume(tmp_path / "images" / f"c{number}.nii.gz", labels.astype(np.float32) + number)
        volume(tmp_path / "masks" / f"c{number}.nii.gz", labels)
        volume(tmp_path / "references" / f"c{number}.nii.gz", reference)
    return tmp_path


def checked(folder, **more):
    given = {name: folder / name for name in ("images", "masks", "references")} | more
    return diagnose(Subjects(structures=STRUCTURES, **given))


def test_folders_in_order_give_no_warning(folders):
    findings = checked(folders)
    assert {found.level for found in findings} == {"ok"}
    assert about(findings, "cases") == [("ok", "2 found, 2 usable, 2 with a reference mask")]
    assert about(findings, "voxel size") == [("ok", "1 x 1 x 1 mm")]


def test_masks_on_another_grid_are_problems_of_their_case(folders):
    volume(folders / "masks" / "c1.nii.gz", np.zeros(SHAPE, np.uint8), spacing=2.0)
    volume(folders / "references" / "c2.nii.gz", np.zeros((3, 4, 6), np.uint8))
    findings = checked(folders)
    assert about(findings, "case c1")[0][1].startswith("expected a mask with the image's affine")
    assert about(findings, "case c2")[0][1].startswith("expected a reference of the image's shape")
    assert about(findings, "cases")[0] == (
        "problem",
        "2 found, 0 usable, 0 with a reference mask",
    )


def test_what_several_cases_share_is_said_once_and_names_them(folders):
    for number in (1, 2):
        volume(folders / "masks" / f"c{number}.nii.gz", np.full(SHAPE, 7, np.uint8))
    assert about(checked(folders), "2 cases") == [
        (
            "warning",
            "c1, c2: expected labels [1, 2], those of the structures; received a deployed mask "
            "with labels [7]; remedy: relabel the mask, or correct --structures",
        ),
        (
            "warning",
            "c1, c2: expected a mask that holds a structure; received a deployed mask without any "
            "structure; remedy: check its export; an empty mask that is right is Dice 0, or 1 if "
            "both are empty",
        ),
    ]


def test_files_that_fit_no_case_are_named(folders):
    (folders / "masks" / "c9.nii.gz").touch()
    ((level, message),) = about(checked(folders), "files")
    assert level == "warning"
    assert str(folders / "masks" / "c9.nii.gz") in message


def test_ids_that_lost_their_zeros_are_recognised(folders):
    (folders / "images" / "c1.nii.gz").rename(folders / "images" / "0012.nii.gz")
    (folders / "cases.csv").write_text("case_id,patient_id\n12,p1\nc2,p1\n")
    findings = checked(folders, case_list=folders / "cases.csv", masks=None, references=None)
    (count, lost) = about(findings, "case list")
    assert count == ("ok", "2 cases of 1 patients; sites: 1")
    assert lost[0] == "problem"
    assert "received 12 (file 0012)" in lost[1]
    assert "existing NIfTI file" in about(findings, "case 12")[0][1]


def test_one_case_id_for_two_patients_is_named(folders):
    (folders / "cases.csv").write_text("case_id,patient_id\nc1,p1\nc1,p2\n")
    ((level, message),) = about(checked(folders, case_list=folders / "cases.csv"), "cases")
    assert level == "problem"
    assert "received c1 again, for the patients p1, p2" in message


def test_patients_of_one_named_site_are_a_warning(folders):
    (folders / "cases.csv").write_text("case_id,patient_id,site\nc1,p1,A\nc2,p2,A\n")
    ((level, message),) = about(checked(folders, case_list=folders / "cases.csv"), "sites")
    assert level == "warning"
    assert "received all of A" in message
    (folders / "cases.csv").write_text("case_id,patient_id,site\nc1,p1,A\nc2,p2,B\n")
    assert about(checked(folders, case_list=folders / "cases.csv"), "sites") == []


def test_a_structure_that_no_mask_holds_is_a_warning(folders):
    given = {name: folders / name for name in ("images", "masks", "references")}
    findings = diagnose(Subjects(structures=STRUCTURES | {"third": 3}, **given))
    assert [message.split(";")[0] for _, message in about(findings, "structures")] == [
        "expected structure third (label 3) in some deployed mask",
        "expected structure third (label 3) in some reference mask",
    ]


def test_images_of_another_orientation_are_a_warning(folders):
    labels = np.arange(60, dtype=np.uint8).reshape(SHAPE)
    path = folders / "images" / "c3.nii.gz"
    write_volume(path, labels.astype(np.float32), np.diag([-1.0, -1.0, 1.0, 1.0]))
    findings = checked(folders, masks=None, references=None)
    ((level, message),) = about(findings, "orientation")
    assert level == "warning"
    assert message.startswith("c3: expected images in the orientation of most others, RAS (2 of 3)")
    assert "received LPS" in message


def test_saved_probabilities_are_read_through(tmp_path):
    good = np.full((2, 3, *SHAPE), 1 / 3)
    good[1, :, 0] = [[[0.9]], [[0.1]], [[0.0]]]
    sharp = np.zeros((3, *SHAPE))
    sharp[0] = 1.0
    twice = np.exp(sharp) / np.exp(sharp).sum(axis=0)
    saved = {
        "c1": good,
        "c2": good * 2,
        "c3": good[1:],
        "c4": good[:, :2] / good[:, :2].sum(axis=1, keepdims=True),
        "c5": good[[1, 1]],
        "c6": np.stack([twice, twice[[1, 0, 2]]]),
    }
    for name, array in saved.items():
        np.savez(tmp_path / f"{name}.npz", probabilities=array, spacing_mm=(1.0, 1.0, 1.0))
    findings = diagnose(Subjects(folder=tmp_path, structures=STRUCTURES))
    received = {
        found.subject: (found.level, found.message.split("; ")[1])
        for found in findings
        if found.subject.startswith("case ")
    }
    assert received == {
        "case c2": ("problem", "received sums from 2 to 2"),
        "case c3": ("warning", "received a single sample, so that nothing can disagree"),
        "case c4": ("problem", "received 2 classes"),
        "case c5": ("problem", "received 2 samples that are the same"),
        "case c6": (
            "problem",
            "received values from 0.212 to 0.576, as if it was applied twice",
        ),
    }
    assert about(findings, "cases") == [("ok", "6 found, 2 usable, 0 with a reference mask")]


def test_overlapping_channels_need_not_sum_to_one(tmp_path):
    regions = np.full((2, 3, *SHAPE), 0.8)
    regions[1] = 0.7
    np.savez(tmp_path / "c1.npz", probabilities=regions, spacing_mm=(1.0, 1.0, 1.0))
    said = [
        diagnose(Subjects(folder=tmp_path, channels=one)) for one in ("exclusive", "overlapping")
    ]
    assert about(said[0], "case c1")[0][0] == "problem"
    assert about(said[1], "case c1") == []


def test_kind_of_a_folder_is_told_by_its_files(folders):
    assert not holds_probabilities(folders / "images")
    (folders / "images" / "c1.npz").touch()
    assert holds_probabilities(folders / "images")


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"masks": "masks"}, "a folder of images or saved probabilities"),
        ({"folder": "masks", "images": "images"}, "one folder of images"),
        ({"folder": "nowhere"}, "an existing folder"),
        ({"images": "images", "case_list": "no.csv"}, "an existing table"),
        ({"images": "images", "training": "no.csv"}, "an existing table"),
    ],
)
def test_what_cannot_be_found_is_a_problem(folders, given, message):
    findings = diagnose(Subjects(**{name: folders / path for name, path in given.items()}))
    ((level, said),) = about(findings, "cases")
    assert level == "problem"
    assert message in said
