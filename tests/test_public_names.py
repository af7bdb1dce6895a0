import subprocess
import sys
from importlib import import_module

import pytest

import segqc_conformal

HEAVY = (
    "torch",
    "monai",
    "sklearn",
    "mapie",
    "evidently",
    "plotly",
    "nibabel",
    "highdicom",
    "pydicom",
    "sqlalchemy",
)


def loaded_by(code: str) -> set[str]:
    script = f"{code}\nimport sys\nprint(*sorted(m for m in sys.modules if '.' not in m))"
    run = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    return set(run.stdout.split())


def test_importing_the_package_loads_nothing_heavy() -> None:
    assert not loaded_by("import segqc_conformal") & set(HEAVY)


def test_help_of_the_command_loads_nothing_heavy() -> None:
    assert not loaded_by("import segqc_conformal.cli.app") & {"torch", "monai", "evidently"}


def test_judging_needs_no_torch() -> None:
    code = "from segqc_conformal import CalibratedGate, QualityGate, recalibrate, read_table"
    code += "\nimport segqc_conformal.features.case_reading, segqc_conformal.reports.dicom_verdicts"
    assert not loaded_by(code) & {"torch", "monai", "evidently", "mapie", "pydicom", "highdicom"}


def test_every_public_name_resolves_and_the_list_is_sorted() -> None:
    assert segqc_conformal.__all__ == sorted(segqc_conformal.__all__)
    assert set(segqc_conformal._HOME) == set(segqc_conformal.__all__)
    for name in segqc_conformal.__all__:
        assert getattr(segqc_conformal, name).__name__ == name


def test_an_unknown_name_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="no attribute 'nonsense'"):
        _ = segqc_conformal.nonsense


@pytest.mark.parametrize(
    "package",
    [
        "calibrators",
        "monitors",
        "case_log",
        "evaluation",
        "features",
        "reports",
        "quality",
        "reverse",
        "review",
    ],
)
def test_names_of_a_package_resolve(package: str) -> None:
    module = import_module(f"segqc_conformal.{package}")
    for name in getattr(module, "__all__", []):
        assert hasattr(module, name)


def test_stages_never_import_later_ones() -> None:
    order = (
        "sampling uncertainty measures features quality reverse calibrators one_class case_log"
    ).split()
    for number, stage in enumerate(order):
        root = import_module(f"segqc_conformal.{stage}").__path__[0]
        later = "|".join([*order[number + 1 :], "monitors", "recalibration", "cli", "reports"])
        found = subprocess.run(
            ["grep", "-rnE", f"^from segqc_conformal\\.({later})\\b", root, "--include=*.py"],
            capture_output=True,
            text=True,
            check=False,
        ).stdout
        assert found == "", found
