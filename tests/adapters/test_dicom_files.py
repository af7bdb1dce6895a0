import re
import sys
from pathlib import Path

import pytest
from dicom_phantom import Phantom

from segqc_conformal.adapters.dicom_codes import MEANINGS, stable_uid
from segqc_conformal.adapters.dicom_files import patient_id
from segqc_conformal.errors import InputError
from segqc_conformal.features.case_reading import read_case

PAGE = Path(__file__).parents[2] / "docs" / "dicom.md"


def test_patient_id_is_the_series(tmp_path):
    series = Phantom().write_slices(tmp_path / "series")
    (tmp_path / "series" / "DICOMDIR").write_bytes(b"an index")
    assert patient_id(series) == "P-7"
    assert read_case(series, case_id="c", patient_id="p").patient_id == "p"
    (tmp_path / "c1.nii").write_bytes(b"no DICOM")
    (tmp_path / "broken.dcm").write_bytes(bytes(128) + b"DICM" + b"\x00" * 9)
    assert patient_id(tmp_path / "c1.nii") is None
    assert patient_id(tmp_path / "broken.dcm") is None


def test_without_the_extra_the_error_names_it(tmp_path, monkeypatch):
    series = Phantom().write_slices(tmp_path / "series")
    monkeypatch.setitem(sys.modules, "highdicom", None)
    with pytest.raises(InputError, match=r"case c17: .* no highdicom; remedy: .*\[dicom\]"):
        read_case(series, case_id="c17", patient_id="p")
    assert patient_id(series) is None


def test_uids_are_valid_stable_and_hold_nothing():
    made = stable_uid("report", "1.2.3")
    assert made == stable_uid("report", "1.2.3") != stable_uid("report1", ".2.3")
    assert made.is_valid
    assert made.startswith("1.2.826.0.1.3680043.8.498.")


def test_the_page_lists_every_private_code():
    rows = re.findall(r"^\| `(\w[\w-]*)` \| (.+) \|$", PAGE.read_text("utf-8"), re.MULTILINE)
    assert dict(rows) == MEANINGS
    assert all(len(value) <= 16 and len(meaning) <= 64 for value, meaning in rows)
