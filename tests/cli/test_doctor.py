import numpy as np
import pytest
import typer
from typer.testing import CliRunner, Result

from segqc_conformal.adapters.nifti import write_volume
from segqc_conformal.cli.doctor import doctor
from segqc_conformal.errors import InputError

IMAGE = np.arange(24, dtype=np.float32).reshape(2, 3, 4)

app = typer.Typer()
app.command()(doctor)


def run(*words: object, columns: int = 120) -> Result:
    return CliRunner(env={"COLUMNS": str(columns)}).invoke(app, [str(word) for word in words])


def test_installation_alone_is_shown_and_exits_0():
    result = run()
    assert result.exit_code == 0, result.output
    assert "torch" in result.stdout
    assert "Problems: 0, warnings: 0" in result.stdout


def test_problem_exits_1_and_names_its_case(tmp_path):
    write_volume(tmp_path / "c1.nii.gz", IMAGE, np.eye(4))
    (tmp_path / "c[2].nii.gz").write_bytes(b"\x07" * 99)  # brackets are markup to rich
    result = run(tmp_path)
    assert result.exit_code == 1
    assert "case c[2]" in result.stdout
    assert "2 found, 1 usable" in result.stdout
    assert "Problems: 1, warnings: 0" in result.stdout


def test_warning_exits_0(tmp_path):
    (tmp_path / "images").mkdir()
    (tmp_path / "masks").mkdir()
    write_volume(tmp_path / "images" / "c1.nii.gz", IMAGE, np.eye(4))
    write_volume(tmp_path / "masks" / "c1.nii.gz", np.zeros((2, 3, 4), np.uint8), np.eye(4))
    result = run(tmp_path / "images", "--masks", tmp_path / "masks", "--structures", "lesion=1")
    assert result.exit_code == 0
    assert "received a deployed mask without any structure" in result.stdout
    assert "Problems: 0, warnings: 1" in result.stdout


def test_structures_written_otherwise_are_refused():
    assert isinstance(run("--structures", "lesion").exception, InputError)


@pytest.mark.parametrize("columns", [80, 120])
def test_what_is_wrong_comes_last_and_fits_the_terminal(tmp_path, columns):
    for kind in ("images", "masks"):
        (tmp_path / kind).mkdir()
        for case_id in ("c1", "a-case-with-a-long-name-of-more-than-forty-letters"):
            array = IMAGE if kind == "images" else IMAGE.transpose(2, 1, 0)
            write_volume(tmp_path / kind / f"{case_id}.nii.gz", array, np.eye(4))
    images, masks = tmp_path / "images", tmp_path / "masks"
    result = run(images, "--masks", masks, columns=columns)
    assert result.exit_code == 1
    lines = result.stdout.rstrip().splitlines()
    assert max(map(len, lines)) <= columns
    levels = [line.split()[0] for line in lines if line and line[0] != " "][:-1]
    assert levels == sorted(levels, key=["ok", "warning", "problem"].index)
    said = " ".join(result.stdout.split())
    assert "received a mask whose axes 0 and 2 are swapped: shape (4, 3, 2)" in said
    assert lines[-1].startswith("Problems: ")


def test_places_and_training_patients_are_options(tmp_path):
    write_volume(tmp_path / "c1.nii.gz", IMAGE, np.eye(4))
    (tmp_path / "t.csv").write_text("patient_id\nc1\n")
    log = f"sqlite:///{tmp_path}/log.db"
    result = run(tmp_path, "--training", tmp_path / "t.csv", "--log", log, "--out", tmp_path)
    assert result.exit_code == 1
    assert "received 1 of 1 that trained it: c1" in result.stdout
    assert "Problems: 1, warnings: 0" in result.stdout
    assert run("--calibration", tmp_path).exit_code == 1
    assert isinstance(run("--activation", "sotfmax").exception, InputError)
    assert isinstance(run("--model", tmp_path).exception, InputError)
