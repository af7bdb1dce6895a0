from importlib.metadata import requires, version

import pytest

from segqc_conformal.doctor import installation
from segqc_conformal.doctor.installation import check_installation


def about(findings, subject):
    return [(found.level, found.message) for found in findings if found.subject == subject]


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
    monkeypatch.setattr(
        installation, "requires", lambda name: [declared, "ruff>=99; extra == 'dev'"]
    )
    problems = [found for found in check_installation() if found.level == "problem"]
    assert len(problems) == 1
    assert message in problems[0].message


def test_do_not_track_is_told_as_it_stands(monkeypatch):
    monkeypatch.setenv("DO_NOT_TRACK", "1")
    assert "set to '1'" in about(check_installation(), "DO_NOT_TRACK")[0][1]
    monkeypatch.delenv("DO_NOT_TRACK")
    assert "not set" in about(check_installation(), "DO_NOT_TRACK")[0][1]
