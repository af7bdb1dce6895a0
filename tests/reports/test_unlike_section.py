import numpy as np
import pandas as pd
import pytest

from segqc_conformal.adapters.nifti import write_volume
from segqc_conformal.reports.case_pictures import CasePictures
from segqc_conformal.reports.unlike_section import most_changed

THEN = pd.DataFrame({"x: noise": np.arange(100.0), "x: score": np.arange(100.0)})
NOW = pd.DataFrame({"x: noise": [50.0, 999.0], "x: score": [50.0, -np.inf]}, index=["c1", "<c2>"])
SITES = pd.Series({"c1": "A", "<c2>": "B & C"})


@pytest.fixture
def images(tmp_path):
    write_volume(tmp_path / "c1.nii.gz", np.ones((4, 5, 6), np.float32), np.eye(4))
    (tmp_path / "<c2>.nii.gz").write_bytes(b"broken")
    return tmp_path


def test_the_most_unlike_case_is_first_with_its_values_among_the_others():
    body = most_changed(THEN, NOW, SITES).body
    assert body.index("&lt;c2&gt;") < body.index("c1</h3>")
    assert "x: noise: 999.000, above all 100" in body
    assert "x: score: −∞, below all 100" in body
    assert "x: noise: 50.000, above 50 %" in body
    assert "site B &amp; C" in body
    assert body.count("<svg") == 4
    assert "<img" not in body
    assert "nothing need be wrong with them" in body


def test_images_are_shown_and_bad_ones_do_no_harm(images):
    body = most_changed(THEN, NOW, SITES, CasePictures(images)).body
    assert body.count("<img") == 1
    assert "Image, no mask." in body
    assert "No picture: case &lt;c2&gt;: expected a readable NIfTI file" in body
    (images / "c1.nii.gz").unlink()
    assert "No picture: the folder of images has none" in (
        most_changed(THEN, NOW, SITES, CasePictures(images)).body
    )


def test_no_case_is_said():
    assert "There is no recent case to compare." in most_changed(THEN, NOW[:0], SITES).body
    assert "There is no recent case to compare." in most_changed(THEN[:0], NOW, SITES).body
