import numpy as np
import typer
from typer.testing import CliRunner, Result

from segqc_conformal.adapters.nifti import write_volume
from segqc_conformal.cli.doctor import doctor
from segqc_conformal.errors import InputError

app = typer.Typer()
app.command()(doctor)


def run(*words: object) -> Result:
    return CliRunner(env={"COLUMNS": "120"}).invoke(app, [str(word) for word in words])


def test_installation_alone_is_shown_and_exits_0():
    result = run()
    assert result.exit_code == 0, result.output
    assert "torch" in result.stdout
    assert "Problems: 0, warnings: 0" in result.stdout


def test_problem_exits_1_and_names_its_case(tmp_path):
    write_volume(tmp_path / "c1.nii.gz", np.zeros((2, 3, 4), np.float32), np.eye(4))
    (tmp_path / "c[2].nii.gz").write_bytes(b"\x07" * 99)  # brackets are markup to rich
    result = run(tmp_path)
    assert result.exit_code == 1
    assert "case c[2]" in result.stdout
    assert "2 found, 1 usable" in result.stdout
    assert "Problems: 1, warnings: 0" in result.stdout


def test_warning_exits_0(tmp_path):
    (tmp_path / "images").mkdir()
    (tmp_path / "masks").mkdir()
    write_volume(tmp_path / "images" / "c1.nii.gz", np.zeros((2, 3, 4), np.float32), np.eye(4))
    write_volume(tmp_path / "masks" / "c1.nii.gz", np.zeros((2, 3, 4), np.uint8), np.eye(4))
    result = run(tmp_path / "images", "--masks", tmp_path / "masks", "--structures", "lesion=1")
    assert result.exit_code == 0
    assert "deployed mask without any structure: c1" in result.stdout


def test_structures_written_otherwise_are_refused():
    assert isinstance(run("--structures", "lesion").exception, InputError)
