from importlib.metadata import requires, version

import numpy as np
import pytest
import torch
from torch import nn

from segqc_conformal import doctor
from segqc_conformal.adapters.nifti import write_volume
from segqc_conformal.case import Case
from segqc_conformal.diagnosis import diagnose
from segqc_conformal.doctor import Finding, check_installation
from segqc_conformal.doctor_cases import holds_probabilities
from segqc_conformal.doctor_model import check_model, check_model_on_case

SHAPE = (3, 4, 5)
STRUCTURES = {"near": 1, "far": 2}


def about(findings: list[Finding], subject: str) -> list[tuple[str, str]]:
    return [(found.level, found.message) for found in findings if found.subject == subject]


def volume(path, array, spacing=1.0):
    path.parent.mkdir(exist_ok=True)
    write_volume(path, array, np.diag([1.0, 1.0, spacing, 1.0]))


@pytest.fixture
def folders(tmp_path):
    """Two cases with images and both masks, all in order."""
    for number in (1, 2):
        labels = np.arange(60, dtype=np.uint8).reshape(SHAPE) % 3
        volume(tmp_path / "images" / f"c{number}.nii.gz", labels.astype(np.float32))
        volume(tmp_path / "masks" / f"c{number}.nii.gz", labels)
        volume(tmp_path / "references" / f"c{number}.nii.gz", labels)
    return tmp_path


def checked(folder, **more):
    given = {name: folder / name for name in ("images", "masks", "references")} | more
    return diagnose(structures=STRUCTURES, **given)


def test_every_dependency_of_this_installation_is_in_range():
    findings = check_installation()
    assert {found.level for found in findings} == {"ok"}
    declared = [text for text in requires("segqc-conformal") if "extra" not in text]
    assert len(findings) == len(declared) + 4  # python, the project, device, DO_NOT_TRACK
    assert about(findings, "numpy") == [("ok", version("numpy"))]


@pytest.mark.parametrize(
    ("declared", "message"),
    [
        ("numpy<2", "needed <2: install 'numpy<2'"),
        ("no-such-package-here>=1", "missing: pip install 'no-such-package-here>=1'"),
    ],
)
def test_dependency_out_of_range_or_missing_is_a_problem(monkeypatch, declared, message):
    monkeypatch.setattr(doctor, "requires", lambda name: [declared, "ruff>=99; extra == 'dev'"])
    problems = [found for found in check_installation() if found.level == "problem"]
    assert len(problems) == 1
    assert message in problems[0].message


def test_do_not_track_is_told_as_it_stands(monkeypatch):
    monkeypatch.setenv("DO_NOT_TRACK", "1")
    assert "set to '1'" in about(check_installation(), "DO_NOT_TRACK")[0][1]
    monkeypatch.delenv("DO_NOT_TRACK")
    assert "not set" in about(check_installation(), "DO_NOT_TRACK")[0][1]


def test_dropout_layers_are_counted():
    layers = [nn.Conv2d(1, 3, 1), nn.Dropout(0.2), nn.Dropout2d(0.0)]
    findings, _ = check_model(nn.Sequential(*layers))
    assert about(findings, "dropout") == [("ok", "1 active layers: MCDropout can draw samples")]
    findings, _ = check_model(layers[0])
    assert about(findings, "dropout")[0][0] == "warning"


def test_exported_program_is_read_and_its_dropout_said_to_be_fixed(tmp_path):
    model = nn.Sequential(nn.Conv2d(1, 3, 1), nn.Dropout(0.2)).eval()
    program = torch.export.export(model, (torch.zeros(1, 1, 4, 5),))
    torch.export.save(program, tmp_path / "m.pt2")
    findings, module = check_model(tmp_path / "m.pt2")
    assert about(findings, "model")[0][0] == "ok"
    assert about(findings, "dropout")[0][1].startswith("1 dropout layers, fixed")
    assert module is not None


def test_unreadable_model_is_a_problem(tmp_path):
    (tmp_path / "m.pt2").write_bytes(b"\x07" * 99)
    findings, module = check_model(tmp_path / "m.pt2")
    assert [found.level for found in findings] == ["problem"]
    assert module is None


@pytest.mark.parametrize(
    ("channels_in", "classes", "level", "message"),
    [
        (1, 3, "ok", "(1, 3, 4, 5) -> (3, 3, 4, 5)"),
        (1, 2, "problem", "2 channels, but structures"),
        (2, 3, "problem", "RuntimeError"),
    ],
)
def test_model_is_run_on_an_image(channels_in, classes, level, message):
    model = nn.Conv3d(channels_in, classes, 1)
    case = Case(np.zeros(SHAPE, np.float32), case_id="c1", patient_id="p1")
    found = check_model_on_case(model, case, STRUCTURES)
    assert (found.level, found.subject) == (level, "model on c1")
    assert message in found.message
    assert model.training


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


def test_masks_without_structure_and_strange_labels_are_warnings(folders):
    volume(folders / "masks" / "c1.nii.gz", np.zeros(SHAPE, np.uint8))
    volume(folders / "references" / "c2.nii.gz", np.full(SHAPE, 7, np.uint8))
    assert about(checked(folders), "cases")[1:] == [
        ("warning", "deployed mask without any structure: c1"),
        ("warning", "reference mask with labels [7] that are no structure: c2"),
        ("warning", "reference mask without any structure: c2"),
    ]


def test_files_that_fit_no_case_are_named(folders):
    (folders / "masks" / "c9.nii.gz").touch()
    ((level, message),) = about(checked(folders), "files")
    assert (level, message) == ("warning", f"fit no case: {folders / 'masks' / 'c9.nii.gz'}")


def test_ids_that_lost_their_zeros_are_recognised(folders):
    (folders / "images" / "c1.nii.gz").rename(folders / "images" / "0012.nii.gz")
    (folders / "cases.csv").write_text("case_id,patient_id\n12,p1\nc2,p1\n")
    findings = checked(folders, case_list=folders / "cases.csv", masks=None, references=None)
    assert about(findings, "case list") == [
        ("ok", "2 cases of 1 patients; sites: 1"),
        ("warning", "leading zeros are lost in: 12 (file 0012)"),
    ]
    assert "existing NIfTI file" in about(findings, "case 12")[0][1]


def test_saved_probabilities_are_read_through(tmp_path):
    good = np.full((2, 3, *SHAPE), 1 / 3)
    saved = {"c1": good, "c2": good * 2, "c3": good[:1], "c4": good[:, :2] * 1.5}
    for name, array in saved.items():
        np.savez(tmp_path / f"{name}.npz", probabilities=array, spacing_mm=(1.0, 1.0, 1.0))
    findings = diagnose(folder=tmp_path, structures=STRUCTURES)
    assert about(findings, "case c2")[0][0] == "problem"
    assert "expected a class for each of" in about(findings, "case c4")[0][1]
    assert about(findings, "cases") == [
        ("ok", "4 found, 2 usable, 0 with a reference mask"),
        ("warning", "a single sample, so that nothing can disagree: c3"),
    ]


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
    ],
)
def test_what_cannot_be_found_is_a_problem(folders, given, message):
    findings = diagnose(**{name: folders / path for name, path in given.items()})
    ((level, said),) = about(findings, "cases")
    assert level == "problem"
    assert message in said
