"""docs/doctor.md: its table is that of the code, and its example runs."""

import inspect
import pkgutil
import re
import shlex
from importlib import import_module
from pathlib import Path

import pytest

from segqc_conformal import doctor
from segqc_conformal.cli.app import main

PAGE = (Path(__file__).resolve().parents[2] / "docs" / "doctor.md").read_text()
NO_CHECKS = {"cases", "diagnosis", "finding", "seen_case", "subjects"}


def block(language):
    (found,) = re.findall(rf"```{language}\n(.*?)```", PAGE, re.DOTALL)
    return found


def rows_of_the_code():
    """Return a row for each check: its file is the subject, its docstring says what it finds."""
    names = sorted({module.name for module in pkgutil.iter_modules(doctor.__path__)} - NO_CHECKS)
    for name in names:
        module = import_module(f"segqc_conformal.doctor.{name}")
        for check in module.__all__:
            line = inspect.getdoc(getattr(module, check)).split("\n")[0]
            assert line.startswith("Find "), check
            yield f"| {name.replace('_', ' ')} | `{check}` | {line.removeprefix('Find ')} |"


def test_the_table_lists_every_check_of_the_code():
    table = PAGE.split("|---|---|---|\n")[1].splitlines()
    assert table == list(rows_of_the_code())


def test_every_check_is_run():
    sources = [path.read_text() for path in Path(doctor.__path__[0]).glob("*.py")]
    lines = [line for text in sources for line in text.splitlines() if ">>>" not in line]
    for row in rows_of_the_code():
        check = row.split("`")[1]
        called = [line for line in lines if f"{check}(" in line and "def " not in line]
        assert called, check


def test_the_example_runs_and_prints_what_the_page_shows(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "80")
    exec(compile(block("python"), "doctor.md", "exec"), {})
    program, *words = shlex.split(block("bash"))
    assert program == "segqc"
    with pytest.raises(SystemExit) as stopped:
        main(words)
    assert stopped.value.code == 1
    printed = [line.rstrip() for line in capsys.readouterr().out.splitlines()]
    assert printed[-7:] == block("text").splitlines()
