import re
import shlex
from pathlib import Path

import pytest

from segqc_conformal.calibration_folder import CalibrationFolder
from segqc_conformal.cli.app import main
from segqc_conformal.features.table import read_table

README = (Path(__file__).resolve().parents[1] / "README.md").read_text()


def blocks(language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", README, re.DOTALL)


def test_python_and_command_blocks_run_in_order(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    names: dict[str, object] = {}
    for block in blocks("python"):
        exec(compile(block, "README.md", "exec"), names)
    for line in "".join(blocks("bash")).splitlines():
        program, *arguments = shlex.split(line)
        assert program == "segqc"
        with pytest.raises(SystemExit) as stop:
            main(arguments)
        assert stop.value.code == 0, line
        capsys.readouterr()
    assert (tmp_path / "verdicts.parquet").exists()
    assert (tmp_path / "work-list.html").exists()
    # the version that Python saved and the one that the command calibrated are one
    (version,) = CalibrationFolder("calibration").versions()
    assert {switch.by for switch in CalibrationFolder("calibration").history()} == {
        "unknown",
        "A. Physicist",
        "segqc monitor run",
    }
    judged = read_table("verdicts.parquet")["calibration"]
    assert set(judged) == {version}


def test_every_command_stands_in_the_readme() -> None:
    from segqc_conformal.cli.app import app

    named = {command.callback.__name__ for command in app.registered_commands if command.callback}
    for group in app.registered_groups:
        assert group.typer_instance is not None
        for command in group.typer_instance.registered_commands:
            named.add(f"{group.name} {command.name}")
    for name in named:
        assert re.search(rf"\b{name}\b", README), name
