import json
import os

import numpy as np

from segqc_conformal.case import Case
from segqc_conformal.features.case_files import CaseFiles
from segqc_conformal.features.resume import case_key, read_finished, write_finished

SETTINGS = {"model_id": "m", "sampler_id": "s", "schema_version": "1"}
STRUCTURES = {"a": 1}


def key(settings=SETTINGS, structures=STRUCTURES, **known) -> str:
    facts = {"image": np.zeros(4), "case_id": "c", "patient_id": "p"} | known
    return case_key(Case(**facts), structures, settings)


def test_everything_the_rows_depend_on_is_in_the_key():
    keys = [
        key(),
        key(settings=SETTINGS | {"model_id": "other"}),
        key(structures={"a": 2}),
        key(case_id="d"),
        key(patient_id="q"),
        key(site="B"),
        key(image=np.ones(4)),
        key(mask=np.zeros(4, int)),
        key(reference=np.zeros(4, int)),
        key(spacing_mm=(2.0,)),
        key(region_map=np.ones(4, int)),
        key(element_weights=np.ones(4)),
    ]
    assert len(set(keys)) == len(keys)
    assert key() == keys[0]


def test_by_content_a_copy_elsewhere_is_the_same_and_a_changed_byte_is_not(tmp_path):
    keys = []
    for name, content in (("one", b"abc"), ("two", b"abc"), ("three", b"abd")):
        (tmp_path / name).mkdir()
        path = tmp_path / name / "c.nii"
        path.write_bytes(content)
        os.utime(path, (len(keys), len(keys)))
        files = CaseFiles("c", "p", "A", path)
        keys.append(case_key(files, STRUCTURES, SETTINGS, by_content=True))
    assert keys[0] == keys[1] != keys[2]
    files = CaseFiles("c", "p", "A", tmp_path / "none.nii")
    assert case_key(files, STRUCTURES, SETTINGS, by_content=True) not in keys


def test_a_changed_file_changes_the_key(tmp_path):
    path = tmp_path / "c.nii"
    files = CaseFiles("c", "p", "A", path)
    missing = case_key(files, STRUCTURES, SETTINGS)
    path.write_bytes(b"one")
    first = case_key(files, STRUCTURES, SETTINGS)
    path.write_bytes(b"two")
    os.utime(path, ns=(1, 1))
    assert len({missing, first, case_key(files, STRUCTURES, SETTINGS)}) == 3


def test_rows_come_back_bit_for_bit_and_no_temporary_file_stays(tmp_path):
    rows = [{"case_id": "0012", "dice": None, "feature_x": 0.1 + 0.2}]
    write_finished(tmp_path / "new", "k", rows)
    assert read_finished(tmp_path / "new", "k") == rows
    assert [path.name for path in (tmp_path / "new").iterdir()] == ["k.json"]


def test_absent_and_damaged_files_are_not_finished(tmp_path):
    assert read_finished(tmp_path, "k") is None
    for text in ("", '[{"case_id": "c"', "[]", json.dumps({"a": 1}), "[1]"):
        (tmp_path / "k.json").write_text(text)
        assert read_finished(tmp_path, "k") is None
    (tmp_path / "k.json").write_bytes(b"\xff\xfe")
    assert read_finished(tmp_path, "k") is None


def test_a_slice_that_changes_inside_a_series_changes_the_key(tmp_path):
    for name in ("IM1", "IM2"):
        (tmp_path / name).write_bytes(b"slice")
    case = CaseFiles("c", "p", "A", tmp_path)
    before = case_key(case, STRUCTURES, SETTINGS)
    assert case_key(case, STRUCTURES, SETTINGS) == before
    (tmp_path / "IM2").write_bytes(b"other slice")
    assert case_key(case, STRUCTURES, SETTINGS) != before
