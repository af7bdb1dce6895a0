"""Mistakes planted in one tree of folders: each is found and named; a sound tree is not."""

import os
from collections import Counter
from pathlib import Path

import nibabel
import numpy as np
import pytest

from segqc_conformal.adapters.nifti import write_volume
from segqc_conformal.doctor.diagnosis import diagnose
from segqc_conformal.doctor.subjects import Subjects

SHAPE = (20, 20, 20)  # a cube, so that no shape tells which axis is which
AFFINE = np.diag([1.0, 1.0, 1.0, 1.0])
AFFINE[:3, 3] = [-10.0, 5.0, 7.0]
STRUCTURES = {"near": 1, "far": 2}
CASES = [f"c{number:02}" for number in range(1, 31)]


def case_arrays(number):
    """Return an image whose body holds a bar of two structures, and the expert's mask of it."""
    random = np.random.default_rng(number)
    image = np.zeros(SHAPE, np.float32)
    image[2:18, 2:18, 2:18] = 50 + random.normal(size=(16, 16, 16))
    reference = np.zeros(SHAPE, np.uint8)
    left, front = random.integers(3, 6, 2)
    reference[left : left + 10, front : front + 5, 4:7] = 1
    reference[left : left + 10, front : front + 5, 7:9] = 2
    image += 30 * (reference > 0)
    return image, reference


def write(folder, kind, case_id, array, affine=AFFINE):
    (folder / kind).mkdir(exist_ok=True)
    write_volume(folder / kind / f"{case_id}.nii.gz", np.asarray(array), affine)


def deployed_of(reference):
    mask = reference.copy()
    mask[:, :, 8] = 0  # a model that misses a slice
    return mask


def sound(folder, cases=CASES):
    for number, case_id in enumerate(cases):
        image, reference = case_arrays(number)
        write(folder, "images", case_id, image)
        write(folder, "references", case_id, reference)
        write(folder, "masks", case_id, deployed_of(reference))
    lines = [f"{case_id},p{case_id[1:]},{'AB'[n % 2]}" for n, case_id in enumerate(cases)]
    (folder / "cases.csv").write_text("case_id,patient_id,site\n" + "\n".join(lines) + "\n")
    (folder / "training.csv").write_text("patient_id\nq1\nq2\n")


def findings_of(folder, **more):
    subjects = Subjects(
        images=folder / "images",
        masks=folder / "masks",
        references=folder / "references",
        case_list=folder / "cases.csv",
        training=folder / "training.csv",
        structures=STRUCTURES,
        **more,
    )
    return [found for found in diagnose(subjects) if found.level != "ok"]


@pytest.fixture(scope="module")
def planted(tmp_path_factory):
    """Plant one mistake in each case but those that stay sound; return what is found."""
    folder = tmp_path_factory.mktemp("planted")
    sound(folder)
    images, masks = {}, {}
    for number, case_id in enumerate(CASES):
        images[case_id], reference = case_arrays(number)
        masks[case_id] = deployed_of(reference)
    moved, large = AFFINE.copy(), AFFINE.copy()
    moved[0, 3] += 3.0
    large[:3, :3] *= 10
    write(folder, "images", "c01", images["c01"][:, :, :15])
    write(folder, "masks", "c01", masks["c01"][:, :, :15].transpose(2, 1, 0))
    write(folder, "masks", "c02", masks["c02"], moved)
    write(folder, "masks", "c03", masks["c03"], large)
    as_saved = nibabel.Nifti1Image(masks["c04"], AFFINE).as_reoriented(
        np.array([[0, -1], [1, 1], [2, 1]])
    )
    nibabel.save(as_saved, folder / "masks" / "c04.nii.gz")
    as_saved = nibabel.Nifti1Image(masks["c05"], AFFINE).as_reoriented(
        np.array([[2, 1], [1, 1], [0, 1]])
    )
    nibabel.save(as_saved, folder / "masks" / "c05.nii.gz")
    write(folder, "masks", "c06", masks["c06"], np.diag([-1.0, -1.0, 1.0, 1.0]) @ AFFINE)
    write(folder, "masks", "c07", masks["c07"].transpose(2, 1, 0))  # header and shape fit
    write(folder, "masks", "c08", masks["c08"][:, :, ::-1])
    write(folder, "masks", "c09", np.where(masks["c09"] > 0, masks["c09"] + 1, 0))
    write(folder, "masks", "c10", np.zeros(SHAPE, np.uint8))
    write(folder, "references", "c11", masks["c11"])
    write(folder, "images", "c12", np.full(SHAPE, 7.0, np.float32))
    write(folder, "images", "c13", np.where(images["c13"] > 60, np.nan, images["c13"]))
    write(folder, "images", "c14", images["c15"])
    for kind, array in (("images", images["c16"]), ("masks", masks["c16"])):
        write(folder, kind, "c16", array, np.diag([0.01, 0.01, 0.01, 1]) @ AFFINE)
    write(folder, "references", "c16", case_arrays(15)[1], np.diag([0.01, 0.01, 0.01, 1]) @ AFFINE)
    outside = np.zeros(SHAPE, np.uint8)
    outside[:2, :2] = 1
    write(folder, "masks", "c17", outside)
    (folder / "masks" / "c18.nii.gz").write_bytes(b"\x1f\x8b truncated")
    write(folder, "masks", "c19", masks["c19"][:, :, :-1])
    write(folder, "references", "c20", case_arrays(19)[1].transpose(1, 0, 2))
    for kind, path in (("images", "c21.nii.gz"), ("masks", "c21.nii.gz")):
        (folder / kind / path).rename(folder / kind / "0021.nii.gz")
    text = (folder / "cases.csv").read_text().replace("c21,", "21,")
    (folder / "cases.csv").write_text(text.replace(",p23,", ",P22,").replace(",p22,", ",p22,"))
    (folder / "training.csv").write_text("patient_id\np24\n")
    return findings_of(folder)


MISTAKES = {
    "c01": "axes 0 and 2 are swapped: shape (15, 20, 20)",
    "c02": "shifted by 3.0 mm (+3, +0, +0 along x, y, z)",
    "c03": "spacing is 10x too large: 10 x 10 x 10 mm, the image's is 1 x 1 x 1 mm",
    "c04": "left-right flipped (axis 0)",
    "c05": "whose axes 0 and 2 are swapped",
    "c06": "LPS (DICOM, ITK) written as RAS",
    "c07": "fits the reference mask only when axes 0 and 2 are swapped",
    "c08": "fits the reference mask only when axis 2 is flipped",
    "c09": "labels [2, 3], each one too high",
    "c10": "a deployed mask without any structure",
    "c11": "1 of 20 equal to the deployed mask in every voxel, Dice 1",
    "c12": "the value 7 in every voxel",
    "c13": "NaN",
    "c14": "one image, of patients p14, p15",
    "c16": "metres written as mm",
    "c17": "lies on the background",
    "c18": "truncated, corrupt or not NIfTI",
    "c19": "shape (20, 20, 19): 1 fewer along axis 2",
    "c20": "fits the reference mask only when axes 0 and 1 are swapped",
    "21 (file 0021)": "a spreadsheet drops leading zeros",
    "P22": "one id for each patient",
    "p24": "that trained it",
}


@pytest.mark.parametrize("name", MISTAKES)
def test_a_planted_mistake_is_named_with_its_case_and_a_remedy(planted, name):
    named = [
        found.message
        for found in planted
        if name in f"{found.subject} {found.message}" and MISTAKES[name] in found.message
    ]
    assert named, [f"{found.subject}: {found.message}" for found in planted]
    assert "expected " in named[0]
    assert "; remedy: " in named[0]


def test_cases_without_a_mistake_are_not_named(planted):
    blamed = Counter(
        case_id
        for case_id in CASES[24:]
        for found in planted
        if case_id in f"{found.subject} {found.message}"
    )
    assert not blamed


def test_a_sound_tree_gives_no_complaint(tmp_path):
    sound(tmp_path, CASES[:8])
    assert findings_of(tmp_path) == []


def test_real_cases_give_no_complaint(tmp_path):
    data = os.environ.get("SEGQC_DATA")
    if not data:
        pytest.skip("SEGQC_DATA is not set: it names the folder of data and models")
    root = Path(data) / "data" / "hippocampus"
    names = sorted(path.name for path in (root / "images").glob("*.nii.gz"))[:12]
    assert len(names) == 12
    for name in names:
        for kind, source in (("images", "images"), ("references", "labels")):
            (tmp_path / kind).mkdir(exist_ok=True)
            (tmp_path / kind / name).symlink_to(root / source / name)
        reference = nibabel.load(root / "labels" / name)
        mask = np.roll(np.asarray(reference.dataobj), 1, axis=1)  # a model one voxel off
        case_id = name.removesuffix(".nii.gz")
        write(tmp_path, "masks", case_id, mask.astype(np.uint8), reference.affine)
    subjects = Subjects(
        images=tmp_path / "images",
        masks=tmp_path / "masks",
        references=tmp_path / "references",
        structures={"anterior": 1, "posterior": 2},
    )
    findings = diagnose(subjects)
    assert [found for found in findings if found.level != "ok"] == []
    assert [found.message for found in findings if found.subject == "cases"] == [
        "12 found, 12 usable, 12 with a reference mask"
    ]
