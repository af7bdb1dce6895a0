"""Opening the database of a case log, and its transactions."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Engine, create_engine, event, text
from sqlalchemy.exc import ArgumentError, DatabaseError, NoSuchModuleError

from segqc_conformal.case_log.unusable_database import name_what_failed, unusable
from segqc_conformal.case_log.unwritable_file import opened_as_it_stands, stands_still
from segqc_conformal.case_log.upgrading import bring_up_to_date
from segqc_conformal.errors import FileFormatError, InputError

__all__ = ["open_engine", "reading", "writing"]

WAIT_FOR_LOCK_S = 30


def open_engine(url: str, create: bool = True) -> Engine:
    """Open the database at `url`; tables are made where there are none, and upgraded where old.

    Parameters
    ----------
    url : str
        SQLAlchemy URL: ``sqlite:///folder/log.db`` or ``postgresql+psycopg://user@host/name``.
    create : bool
        False: an SQLite file that does not exist is refused instead of made.

    Returns
    -------
    Engine
        SQLite runs in WAL mode with foreign keys on. A file in a folder that may not be written
        can be read while nobody writes to it.

    Raises
    ------
    InputError
        If `url` cannot be read as one.
    FileFormatError
        If the database cannot be opened, the file is none, or the log is of a newer version.

    Notes
    -----
    Guarantee: none.
    """
    try:
        engine = create_engine(url)
    except (ArgumentError, NoSuchModuleError, ModuleNotFoundError) as error:
        raise InputError(
            "a database URL such as sqlite:///folder/log.db",
            url,
            f"correct it, or install the driver it names ({error})",
        ) from error
    if engine.dialect.name == "sqlite":
        if not create and not Path(engine.url.database or "").exists():
            raise FileFormatError(
                "an existing case log", url, "check the path; `segqc log add` makes a new one"
            )
        engine = opened_as_it_stands(engine) or engine
        event.listen(engine, "connect", _set_up_sqlite)
        event.listen(engine, "begin", _begin_sqlite)
    try:
        bring_up_to_date(engine)
    except DatabaseError as error:
        engine.dispose()
        raise unusable(engine, error.orig) from error
    except BaseException:
        engine.dispose()
        raise
    event.listen(engine, "handle_error", name_what_failed)
    return engine


@contextmanager
def reading(engine: Engine) -> Iterator[Connection]:
    """Run one transaction that reads: it sees what was committed before it began."""
    with stands_still(engine), engine.connect() as connection:
        yield connection


@contextmanager
def writing(engine: Engine) -> Iterator[Connection]:
    """Run one transaction that writes, alone: sequence numbers then follow the commits."""
    with engine.execution_options(writes=True).begin() as connection:
        if connection.dialect.name == "postgresql":
            connection.execute(text("LOCK TABLE cases IN SHARE ROW EXCLUSIVE MODE"))
        yield connection


def _set_up_sqlite(connection: Any, _record: Any) -> None:
    # Python's driver must not begin transactions by itself: `_begin_sqlite` does.
    connection.isolation_level = None
    cursor = connection.cursor()
    cursor.execute(f"PRAGMA busy_timeout = {WAIT_FOR_LOCK_S * 1000}")
    cursor.execute("PRAGMA journal_mode = WAL")
    cursor.execute("PRAGMA foreign_keys = ON")
    cursor.close()


def _begin_sqlite(connection: Connection) -> None:
    # A writer that takes its lock late can fail after it has read: take it at once.
    writes = connection.get_execution_options().get("writes", False)
    connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")
