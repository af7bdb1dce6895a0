"""Places outside the images: results, disk, case log, calibration."""

import shutil
from collections import namedtuple
from dataclasses import replace
from pathlib import Path

import pandas as pd
import pytest

from segqc_conformal.case_log import CaseLog
from segqc_conformal.doctor import places
from segqc_conformal.doctor.diagnosis import diagnose
from segqc_conformal.doctor.subjects import Subjects


def wrong(subjects):
    return [
        (found.level, found.subject, found.message)
        for found in diagnose(subjects)
        if found.level != "ok"
    ]


@pytest.fixture
def calibration(gate, tmp_path):
    gate.save(tmp_path / "calibration")
    return tmp_path / "calibration"


def test_sound_places_give_no_complaint_and_are_left_as_found(calibration, tmp_path):
    CaseLog(f"sqlite:///{tmp_path}/log.db").close()
    before = sorted(tmp_path.rglob("*"))
    subjects = Subjects(
        calibration=calibration, log=f"sqlite:///{tmp_path}/log.db", out=tmp_path / "new" / "out"
    )
    assert wrong(subjects) == []
    assert wrong(replace(subjects, log=f"sqlite:///{tmp_path}/none-yet.db")) == []
    assert sorted(tmp_path.rglob("*")) == before


def test_a_folder_that_may_not_be_written_is_a_problem():
    # /proc refuses files to every account, also to root, whom permissions do not stop
    found = places.unwritable_folder(Path("/proc/results"))
    assert (found.level, found.subject) == ("problem", "results")
    assert "remedy: choose another folder" in found.message


def test_a_full_disk_is_a_warning(tmp_path, monkeypatch):
    usage = namedtuple("usage", "total used free")
    monkeypatch.setattr(shutil, "disk_usage", lambda path: usage(10, 9, 500_000_000))
    ((level, subject, message),) = wrong(Subjects(out=tmp_path))
    assert (level, subject) == ("warning", "disk")
    assert "received 0.50 GB" in message


@pytest.mark.parametrize(
    ("url", "received"),
    [
        ("postgresql+psycopg://nobody:secret@127.0.0.1:9/none", "connection"),
        ("nonsense", "Could not parse"),
        ("sqlite:///{folder}/text.db", "not a database"),
        ("sqlite:////proc/no/log.db", "none yet; expected a folder that can be written"),
    ],
)
def test_a_log_that_cannot_be_reached_is_a_problem(tmp_path, url, received):
    (tmp_path / "text.db").write_text("no database, but long enough to look like a file of one")
    ((level, subject, message),) = wrong(Subjects(log=url.format(folder=tmp_path)))
    assert (level, subject) == ("problem", "case log")
    assert received in message
    assert "secret" not in message


def test_a_log_in_postgresql_is_reached_and_not_changed(postgres_url):
    found = places.unreachable_log(postgres_url)
    assert found.level == "ok"
    assert found.message.endswith("reached, 0 tables")
    assert places.unreachable_log(postgres_url) == found


def test_a_changed_calibration_is_a_problem(calibration):
    (profile,) = calibration.glob("*/profile.parquet")
    profile.write_bytes(profile.read_bytes() + b"0")
    ((level, subject, message),) = wrong(Subjects(calibration=calibration))
    assert (level, subject) == ("problem", "calibration")
    assert "profile.parquet" in message


def test_a_folder_that_is_no_calibration_is_a_problem(tmp_path):
    ((level, subject, _),) = wrong(Subjects(calibration=tmp_path))
    assert (level, subject) == ("problem", "calibration")


def test_a_calibration_of_another_model_or_structures_is_a_problem(gate):
    findings = places.foreign_calibration(gate, "sha256:other", ["lesion"])
    assert [found.level for found in findings] == ["problem", "problem"]
    assert "received model_id sha256:other" in findings[0].message
    assert "received ['lesion']" in findings[1].message
    assert places.foreign_calibration(gate, "m", ["posterior", "anterior"]) == []


def test_a_calibration_by_training_patients_is_a_problem(gate, calibration, cohort, tmp_path):
    patient = cohort(200)["patient_id"].iloc[0]
    pd.DataFrame({"patient_id": [patient, "another"]}).to_csv(tmp_path / "t.csv", index=False)
    subjects = Subjects(calibration=calibration, training=tmp_path / "t.csv")
    ((level, subject, message),) = wrong(subjects)
    assert (level, subject) == ("problem", "training")
    assert f"that trained it: {patient}" in message
    pd.DataFrame({"patient_id": ["another"]}).to_csv(tmp_path / "t.csv", index=False)
    assert wrong(subjects) == []
