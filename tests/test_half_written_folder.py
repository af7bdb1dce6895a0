"""A calibration folder at every point at which writing it may be cut off."""

import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from segqc_conformal import calibration_folder, replaced_file
from segqc_conformal.calibration_folder import CalibrationFolder
from segqc_conformal.errors import FileFormatError, TamperedError
from segqc_conformal.gate import CalibratedGate
from segqc_conformal.quality_gate import QualityGate
from segqc_conformal.standing import LOST, Standing

Cohort = Callable[..., pd.DataFrame]
Write = Callable[[CalibrationFolder], object]
NOW = datetime(2026, 11, 23, 8, tzinfo=UTC)
WHO = {"by": "ann", "reason": "x", "now": NOW}
HARM = Standing("all", None, "HARM", "2026-11-01T00:00:00+00:00", ("x",), True)
OK = Standing("all", None, "OK", None, (), False)


@pytest.fixture(scope="module")
def second(cohort: Cohort, cheap: dict[str, Any]) -> CalibratedGate:
    return QualityGate().calibrate(cohort(60, 1000), candidates=cheap)


@contextmanager
def watched(step: Callable[[], None]) -> Iterator[None]:
    """Call `step` before everything that changes the disk, and in the middle of each file."""
    with pytest.MonkeyPatch.context() as patched:
        write = Path.write_bytes

        def in_parts(path: Path, content: bytes) -> int:
            for size in (0, len(content) // 2):
                write(path, content[:size])
                step()
            return write(path, content)

        def stepping(call: Callable[..., Any]) -> Callable[..., Any]:
            def called(*arguments: Any, **named: Any) -> Any:
                step()
                return call(*arguments, **named)

            return called

        patched.setattr(Path, "write_bytes", stepping(in_parts))
        for name in ("mkdir", "rename", "replace"):
            patched.setattr(Path, name, stepping(getattr(Path, name)))
        for module in (calibration_folder, replaced_file):
            patched.setattr(module, "on_disk", stepping(module.on_disk))
        yield


def cuts(folder: Path, write: Write, copies: Path) -> list[Path]:
    """Write, and return copies of the folder as a kill would have left it at each step."""
    made: list[Path] = []

    def copy() -> None:
        with pytest.MonkeyPatch.context() as plain:
            plain.setattr(Path, "mkdir", MKDIR)
            target = copies / str(len(made))
            made.append(target)
            if folder.exists():
                shutil.copytree(folder, target)

    with watched(copy):
        write(CalibrationFolder(folder))
    return [*made, folder]


MKDIR = Path.mkdir


def seen(folder: Path) -> tuple[str, str]:
    """Return the version in force and what its verdicts say; a refusal by its kind."""
    try:
        gate = CalibratedGate.load(folder)
    except (FileFormatError, TamperedError) as error:
        return type(error).__name__, ""
    told = gate.standings
    assert len(told) <= 1
    return gate.id, "lost" if told == (LOST,) else "".join(each.state for each in told)


def left(folder: Path) -> set[str]:
    return {path.name for path in folder.rglob(".*")}


@pytest.fixture
def writes(gate: CalibratedGate, second: CalibratedGate) -> dict[str, tuple[list[Write], Write]]:
    """Give what was done before, and what is cut off, by name."""

    def first(folder: CalibrationFolder) -> object:
        return folder.add(gate, **WHO)

    def publish(standing: Standing) -> Write:
        return lambda folder: folder.publish(
            gate.id, [standing], log="l", stale_after_days=36_500, now=NOW
        )

    def recalibrated(folder: CalibrationFolder) -> object:
        return folder.add(second, **WHO, action="recalibrate")

    return {
        "calibrate": ([], first),
        "recalibrate": ([first], recalibrated),
        "rollback": (
            [first, recalibrated],
            lambda folder: folder.activate(gate.id, action="rollback", **WHO),
        ),
        "first monitor run": ([first], publish(HARM)),
        "monitor run": ([first, publish(OK)], publish(HARM)),
    }


@pytest.mark.parametrize(
    ("name", "between"),
    [
        ("calibrate", {("FileFormatError", "")}),
        ("recalibrate", set()),
        ("rollback", set()),
        ("first monitor run", {("first", "lost")}),
        ("monitor run", set()),
    ],
)
def test_cut_off_anywhere_the_folder_is_as_before_or_as_after_and_the_same_again_completes_it(
    gate: CalibratedGate,
    writes: dict[str, tuple[list[Write], Write]],
    tmp_path: Path,
    name: str,
    between: set[tuple[str, str]],
) -> None:
    before, write = writes[name]
    folder = tmp_path / "calibration"
    for each in before:
        each(CalibrationFolder(folder))
    old = seen(folder)
    copies = cuts(folder, write, tmp_path / "cuts")
    new = seen(folder)
    assert len(copies) > 5
    refused = {(gate.id if version == "first" else version, told) for version, told in between}
    assert {seen(copy) for copy in copies} == {old, new} | refused
    for copy in copies:
        write(CalibrationFolder(copy))
        assert seen(copy) == new
        assert left(copy) == set()
        CalibrationFolder(copy).certificates()


@pytest.mark.parametrize("name", ["recalibrate", "monitor run"])
def test_a_write_that_fails_anywhere_leaves_nothing_lying_about(
    writes: dict[str, tuple[list[Write], Write]], tmp_path: Path, name: str
) -> None:
    before, write = writes[name]
    for fails_at in range(100):
        folder = tmp_path / str(fails_at)
        for each in before:
            each(CalibrationFolder(folder))
        old = seen(folder)
        steps = iter(range(100))

        def step(steps: Iterator[int] = steps, fails_at: int = fails_at) -> None:
            if next(steps) == fails_at:
                raise OSError("no space left on device")

        try:
            with watched(step):
                write(CalibrationFolder(folder))
        except OSError:
            assert left(folder) == set()
            write(CalibrationFolder(folder))
        else:
            break
    assert 5 < fails_at < 99
    assert seen(folder) != old


def test_a_folder_written_in_place_would_be_caught(
    gate: CalibratedGate, second: CalibratedGate, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    @contextmanager
    def in_place(path: Path, *, durable: bool = False) -> Iterator[Path]:
        yield path

    monkeypatch.setattr(calibration_folder, "replaced_at_once", in_place)
    folder = tmp_path / "calibration"
    CalibrationFolder(folder).add(gate, **WHO)
    copies = cuts(folder, lambda each: each.add(second, **WHO), tmp_path / "cuts")
    assert "TamperedError" in {seen(copy)[0] for copy in copies}
