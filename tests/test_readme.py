"""README.md runs from top to bottom as it stands, and names every command."""

import re
import shlex
from pathlib import Path

import pytest

from segqc_conformal.calibration_folder import CalibrationFolder
from segqc_conformal.cli.app import app, main
from segqc_conformal.features.table import read_table

README = (Path(__file__).resolve().parents[1] / "README.md").read_text("utf-8")
BLOCKS = re.findall(r"```(python|bash)\n(.*?)```", README, re.DOTALL)


@pytest.fixture(scope="module")
def ran(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("readme")
    names: dict[str, object] = {}
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        for language, block in BLOCKS:
            if language == "python":
                exec(compile(block, "README.md", "exec"), names)
            else:
                for line in block.splitlines():
                    run_command(line)
    return folder


def run_command(line: str) -> None:
    program, *arguments = shlex.split(line)
    assert program == "segqc"
    with pytest.raises(SystemExit) as stop:
        main(arguments)
    assert stop.value.code == 0, line


def test_every_path_of_the_first_day_ends_in_a_gate_of_its_own(ran: Path) -> None:
    certificate = CalibrationFolder(ran / "first-gate").load().certificate
    assert any(parts.accept.threshold is not None for parts in certificate.structures.values())
    tables = [read_table(ran / f"{name}.parquet") for name in ("ensemble", "checkpoint")]
    tables.append(read_table(ran / "probabilities.parquet"))
    assert len({frozenset(table["case_id"]) for table in tables}) == 1
    assert len({table["model_id"].iloc[0] for table in tables}) == 3
    for table in tables:
        assert table["failed"].isna().all()
        assert table["dice"].notna().all()


def test_the_first_verdicts_come_with_a_work_list_of_what_was_referred(ran: Path) -> None:
    verdicts = read_table(ran / "first-verdicts.parquet")
    whole = verdicts[verdicts["structure"] == "whole_case"]
    assert len(whole) == 10
    assert whole["accept"].nunique() == 2
    page = (ran / "first-list.html").read_text("utf-8")
    for case_id, accept in zip(whole["case_id"], whole["accept"], strict=True):
        assert (case_id in page) != accept


def test_python_and_commands_make_one_version(ran: Path) -> None:
    assert (ran / "work-list.html").exists()
    # the version that Python saved and the one that the command calibrated are one
    folder = CalibrationFolder(ran / "calibration")
    (version,) = folder.versions()
    assert {switch.by for switch in folder.history()} == {
        "unknown",
        "A. Physicist",
        "segqc monitor run",
    }
    assert set(read_table(ran / "verdicts.parquet")["calibration"]) == {version}


def test_every_command_stands_in_the_readme() -> None:
    named = {command.callback.__name__ for command in app.registered_commands if command.callback}
    for group in app.registered_groups:
        assert group.typer_instance is not None
        for command in group.typer_instance.registered_commands:
            named.add(f"{group.name} {command.name}")
    for name in named:
        assert re.search(rf"\b{name}\b", README), name
