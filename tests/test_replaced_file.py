from pathlib import Path

import pytest

from segqc_conformal.replaced_file import replaced_at_once


def test_writing_replaces_the_file_and_leaves_nothing_beside_it(tmp_path: Path) -> None:
    path = tmp_path / "new" / "r.html"
    for text in ("one", "two"):
        with replaced_at_once(path) as temporary:
            temporary.write_text(text)
    assert [entry.name for entry in path.parent.iterdir()] == ["r.html"]
    assert path.read_text() == "two"


def test_a_write_that_fails_leaves_the_old_file(tmp_path: Path) -> None:
    path = tmp_path / "r.html"
    path.write_text("old")

    def fail() -> None:
        with replaced_at_once(path) as temporary:
            temporary.write_text("half of")
            raise OSError("disk full")

    with pytest.raises(OSError, match="disk full"):
        fail()
    assert path.read_text() == "old"


def test_two_that_write_at_once_do_not_meet(tmp_path: Path) -> None:
    path = tmp_path / "r.html"
    with replaced_at_once(path, shared=True) as first:
        first.write_text("first")
        with replaced_at_once(path, shared=True) as second:
            second.write_text("second")
        assert path.read_text() == "second"
    assert path.read_text() == "first"
    assert [entry.name for entry in tmp_path.iterdir()] == ["r.html"]


def test_what_a_killed_writer_left_is_taken_over(tmp_path: Path) -> None:
    path = tmp_path / "r.html"
    with replaced_at_once(path) as temporary:
        (tmp_path / temporary.name).write_text("half of")
        temporary.write_text("whole")
    assert [entry.name for entry in tmp_path.iterdir()] == ["r.html"]
