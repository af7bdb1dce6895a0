"""An SQLite log in a folder that may not be written: it is read as it stands.

SQLite in WAL mode makes two files beside the log, also for those who only read. Where it cannot,
and nobody else has them open, the file alone is the whole log: it is read without them, and what
was read counts only if the file stood still meanwhile.
"""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from sqlalchemy import Engine, create_engine

from segqc_conformal.errors import BusyError

__all__ = ["opened_as_it_stands", "stands_still"]

AS_IT_STANDS = "as_it_stands"


def opened_as_it_stands(engine: Engine) -> Engine | None:
    """Return an engine that reads the file alone; None where SQLite can do it in the usual way."""
    file = Path(engine.url.database or "")
    if not file.is_file() or os.access(file.parent, os.W_OK) or _wal(file).exists():
        return None
    engine.dispose()
    address = f"{file.absolute().as_uri()}?mode=ro&immutable=1"
    return create_engine(
        engine.url,
        creator=lambda: sqlite3.connect(address, uri=True, check_same_thread=False),
        execution_options={AS_IT_STANDS: True},
    )


@contextmanager
def stands_still(engine: Engine) -> Iterator[None]:
    """Refuse what was read in the block if the file was written meanwhile.

    Raises
    ------
    BusyError
    """
    if not engine.get_execution_options().get(AS_IT_STANDS, False):
        yield
        return
    file = Path(engine.url.database or "")
    before = _seen(file)
    yield
    if _wal(file).exists() or before != _seen(file):
        raise BusyError(
            "a case log that nobody writes to, as its folder may only be read",
            f"{file}, which was written meanwhile",
            "run again, or give this account the permission to write into the folder",
        )


def _seen(file: Path) -> tuple[int, int]:
    found = file.stat()
    return found.st_mtime_ns, found.st_size


def _wal(file: Path) -> Path:
    return file.with_name(f"{file.name}-wal")
