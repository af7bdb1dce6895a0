"""From DICOM folders to verdicts in DICOM, by commands alone."""

import re
import shlex
import sys
from pathlib import Path

import highdicom
import nibabel
import numpy as np
import pytest
from pydicom import dcmread

from segqc_conformal.cli.app import main
from segqc_conformal.features.table import read_table, write_table

sys.path.insert(0, str(Path(__file__).parents[1] / "adapters"))
from dicom_phantom import Phantom

PAGE = (Path(__file__).parents[2] / "docs" / "dicom.md").read_text("utf-8")
EXTRACT, JUDGE = re.findall(r"^segqc (.+)$", PAGE, re.MULTILINE)
CASES = {"c1": "P-7", "c2": "P-7", "c3": ""}


def segqc(*words: object) -> int:
    with pytest.raises(SystemExit) as stopped:
        main([str(word) for word in words])
    return int(stopped.value.code or 0)


@pytest.fixture
def folders(tmp_path, monkeypatch):
    """Make series, deployed masks and references of three cases, and saved probabilities."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "300")
    for folder in ("probabilities", "masks", "references"):
        Path(folder).mkdir()
    for at, (case_id, patient) in enumerate(CASES.items()):
        phantom = Phantom(name=case_id)
        labels = np.zeros((5, 4, 6), np.uint8)
        labels[1:4, 1 : 3 + at % 2, 1:4] = 1
        for number in range(6):
            dataset = phantom.slice(number)
            dataset.PatientID = patient
            Path("images", case_id).mkdir(parents=True, exist_ok=True)
            dataset.save_as(Path("images", case_id, f"{number}"), enforce_file_format=True)
        phantom.write_seg(Path("masks", f"{case_id}.dcm"), labels)
        phantom.write_seg(Path("references", f"{case_id}.dcm"), np.roll(labels, at, axis=2))
        foreground = np.where(labels == 1, 0.97, 0.02)
        foreground[1, 1, 1] = 0.6  # an uncertain voxel
        np.savez(
            Path("probabilities", f"{case_id}.npz"),
            probabilities=np.stack([1 - foreground, foreground])[None],
        )
    return tmp_path


def test_extract_reads_series_and_segmentations(folders, capsys):
    assert segqc(*shlex.split(EXTRACT)) == 0
    assert "of DICOM: its PatientID" in " ".join(capsys.readouterr().err.split())
    table = read_table("features.parquet")
    assert table["failed"].isna().all()
    assert table["patient_id"].tolist() == ["P-7", "P-7", "c3"]  # none: the case's own
    assert table["judged"].unique().tolist() == ["deployed"]
    assert table["dice"].iloc[0] == 1.0
    assert (table["dice"].iloc[1:] < 1.0).all()
    volume_ml = 3 * 2 * 3 * 0.75 * 1.25 * 2.5 / 1000
    assert table["feature_volume_ml"].iloc[0] == pytest.approx(volume_ml)
    saved = nibabel.load("maps/c1/predictive_entropy.nii.gz")
    np.testing.assert_allclose(saved.affine, Phantom().affine, atol=1e-5)


def test_judge_writes_reports_and_uncertain_regions(folders, gate, cohort, capsys):
    gate.save("calibration")
    table = cohort(3)
    table["case_id"] = table["case_id"].replace(
        {"c0000": "c1", "c0001": "c2", "c0002": "elsewhere"}
    )
    write_table(table, "new.parquet")
    affine = Phantom().affine
    for case_id, entropy in (("c1", 0.5), ("c2", 0.3)):
        values = np.zeros((5, 4, 6), np.float32)
        values[1, 2, 3] = entropy
        Path("maps", case_id).mkdir(parents=True)
        nibabel.save(
            nibabel.Nifti1Image(values, affine), f"maps/{case_id}/predictive_entropy.nii.gz"
        )
    assert segqc(*shlex.split(JUDGE)) == 1
    said = capsys.readouterr().out
    assert "no DICOM report: case elsewhere: expected a DICOM series elsewhere/" in said
    names = sorted(path.name for path in Path("out").glob("*.dcm"))
    assert names == ["c1.segqc.seg.dcm", "c1.segqc.sr.dcm", "c2.segqc.sr.dcm"]
    report = highdicom.sr.srread("out/c1.segqc.sr.dcm")
    verdicts = read_table("verdicts.parquet")
    groups = report.content.get_image_measurement_groups()
    assert len(groups) == (verdicts["case_id"] == "c1").sum() == 3
    (region,) = report.content.get_volumetric_roi_measurement_groups()
    assert region.tracking_identifier == "predictive entropy above 0.36 nats"
    seg = dcmread("out/c1.segqc.seg.dcm")
    assert seg.pixel_array.sum() == 1
    assert seg.PatientID == "P-7"
    held = {path: path.read_bytes() for path in Path("out").glob("*.dcm")}
    assert segqc(*shlex.split(JUDGE)) == 1
    assert {path: path.read_bytes() for path in Path("out").glob("*.dcm")} == held
    (code,) = re.findall(r"```python\n(.+?)```", PAGE, re.DOTALL)
    exec(code, {})
    regions = dcmread("bright.dcm")
    assert regions.pixel_array.sum() == (Phantom().stored > 100).sum() == 19
    assert regions.SOPInstanceUID in dcmread("report.dcm").to_json()


def test_doctor_looks_at_dicom(folders, capsys):
    Path("images/c2/3").unlink()
    assert segqc("doctor", "images", "--masks", "masks", "--structures", "lesion=1") == 1
    said = " ".join(capsys.readouterr().out.split())
    assert "3 found, 2 usable" in said
    assert "expected a slice every 2.5 mm; received 1 missing between 2 (at" in said


@pytest.mark.parametrize("words", [("--dicom", "images"), ("--sidecar", "out", "--maps", "maps")])
def test_options_that_need_each_other(tmp_path, monkeypatch, words, capsys):
    monkeypatch.chdir(tmp_path)
    assert segqc("judge", "calibration", "new.parquet", "--out", "v.parquet", *words) == 1
    assert "expected --sidecar with --dicom, and --dicom with --maps" in " ".join(
        capsys.readouterr().err.split()
    )
    assert not Path("v.parquet").exists()
