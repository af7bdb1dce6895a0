import subprocess
import sys
from collections.abc import Iterator
from typing import Any

import pytest
import typer.main

from segqc_conformal.cli.app import app, main


def commands() -> Iterator[tuple[list[str], Any]]:
    """Walk all commands as the parser knows them: words and command."""
    waiting: list[tuple[list[str], Any]] = [([], typer.main.get_command(app))]
    while waiting:
        words, command = waiting.pop()
        inside = getattr(command, "commands", {})
        waiting += [([*words, name], sub) for name, sub in inside.items()]
        yield words, command


def exit_code(*words: str) -> int:
    with pytest.raises(SystemExit) as stopped:
        main(list(words))
    assert isinstance(stopped.value.code, int)
    return stopped.value.code


WORDS = sorted(words for words, _ in commands())


def test_the_commands_are_those_of_the_design() -> None:
    leaves = {" ".join(words) for words, command in commands() if not hasattr(command, "commands")}
    assert leaves == {
        "demo",
        "doctor",
        "extract",
        "plan",
        "calibrate",
        "judge",
        "log add",
        "audit next",
        "audit add",
        "monitor run",
        "monitor report",
        "compare",
        "review",
        "recalibrate",
        "rollback",
        "status",
    }


@pytest.mark.parametrize("words", WORDS, ids=" ".join)
def test_help_names_and_explains_every_option(
    words: list[str], capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "200")
    command = next(command for found, command in commands() if found == words)
    assert exit_code(*words, "--help") == 0
    shown = capsys.readouterr().out
    assert command.help
    assert command.help.split(".")[0].split("\n")[0].strip()[:60] in shown
    for name, sub in getattr(command, "commands", {}).items():
        assert name in shown
        assert sub.help
    for parameter in command.params:
        assert parameter.help, f"{parameter.name} has no help"
        is_option = parameter.opts[0].startswith("-")
        names = parameter.opts if is_option else [parameter.metavar or parameter.name]
        for name in names:
            assert name.lower() in shown.lower()


@pytest.mark.parametrize(
    "words",
    [
        ["no-such-command"],
        ["--no-such-option"],
        ["judge"],
        ["judge", "only-one"],
        ["judge", "a", "b", "--out", "c", "--no-such-option"],
        ["calibrate", "x.parquet"],
        ["calibrate", "x.parquet", "--out", "c", "--seed", "many"],
        ["monitor", "no-such-command"],
        ["monitor", "run", "--log", "sqlite://"],
        ["monitor", "run", "--log", "sqlite://", "--calibration", "c", "--as-of", "yesterday"],
        ["rollback", "--calibration", "c"],
        ["audit", "next", "--log", "x", "--calibration", "c", "--rate", "half"],
    ],
    ids=" ".join,
)
def test_wrong_usage_exits_1_and_says_so_on_stderr(
    words: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert exit_code(*words) == 1
    captured = capsys.readouterr()
    assert captured.out == ""
    assert "Usage" in captured.err
    assert "Traceback" not in captured.err


@pytest.mark.parametrize("words", [[], ["log"], ["audit"], ["monitor"]], ids=" ".join)
def test_a_command_alone_shows_its_help(
    words: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert exit_code(*words) in (0, 1)
    captured = capsys.readouterr()
    assert "Usage" in captured.out + captured.err


def test_an_error_exits_1_with_its_message_and_no_traceback(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert exit_code("judge", "absent", "absent.parquet", "--out", "x.parquet") == 1
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.startswith("FileFormatError: expected a calibration folder")
    assert "remedy:" in captured.err


def test_help_loads_no_heavy_library() -> None:
    code = (
        "import sys\n"
        "from segqc_conformal.cli.app import main\n"
        "try:\n    main(['--help'])\n"
        "except SystemExit as stop:\n    assert stop.code == 0\n"
        "heavy = {'torch', 'monai', 'sklearn', 'mapie', 'evidently'} & set(sys.modules)\n"
        "assert not heavy, heavy\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True, stdout=subprocess.DEVNULL)


def test_the_module_runs_as_a_program() -> None:
    found = subprocess.run(
        [sys.executable, "-m", "segqc_conformal", "judge"], capture_output=True, text=True
    )
    assert found.returncode == 1
    assert "Usage" in found.stderr
