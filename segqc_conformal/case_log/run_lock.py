"""One run of the monitors at a time: the second is told so, or waits."""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager

from sqlalchemy import Connection, Engine, text

from segqc_conformal.errors import BusyError

__all__ = ["only_run"]

RUN_LOCK = 0x5E69C002
LOOK_AGAIN_S = 0.2


@contextmanager
def only_run(engine: Engine, wait_s: float) -> Iterator[None]:
    """Keep every other run out while the block lasts.

    Raises
    ------
    BusyError
        If another run is still going on after `wait_s`.

    Notes
    -----
    Guarantee: none statistical. A run that dies lets go of the lock, however it dies.
    """
    if engine.dialect.name == "postgresql":
        with _locked_in_the_database(engine, wait_s):
            yield
    elif engine.url.database in (None, "", ":memory:"):
        yield  # nobody else can open it
    else:
        with _locked_beside(f"{engine.url.database}.run-lock", wait_s):
            yield


@contextmanager
def _locked_beside(path: str, wait_s: float) -> Iterator[None]:
    # The lock of an SQLite file that holds nothing: it works wherever the log itself does, and
    # those who only read or add to the log need not wait.
    with closing(_locked(path, wait_s)):
        yield


def _locked(path: str, wait_s: float) -> sqlite3.Connection:
    try:
        connection = sqlite3.connect(path, timeout=wait_s, isolation_level=None)
        connection.execute("BEGIN EXCLUSIVE")
    except sqlite3.OperationalError as error:
        if error.sqlite_errorcode == sqlite3.SQLITE_BUSY:
            raise _busy(wait_s) from error
        raise OSError(f"{path}: {error}") from error
    return connection


@contextmanager
def _locked_in_the_database(engine: Engine, wait_s: float) -> Iterator[None]:
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        until = time.monotonic() + wait_s
        while not _asked(connection, "pg_try_advisory_lock"):
            if time.monotonic() >= until:
                raise _busy(wait_s)
            time.sleep(LOOK_AGAIN_S)
        try:
            yield
        finally:
            _asked(connection, "pg_advisory_unlock")


def _asked(connection: Connection, function: str) -> bool:
    return bool(connection.execute(text(f"SELECT {function}({RUN_LOCK})")).scalar())


def _busy(wait_s: float) -> BusyError:
    return BusyError(
        "no other run of the monitors on this log",
        f"one that is still going on after {wait_s:g} s",
        "wait for it (`--wait` says how long), or look why it hangs; its end frees the log",
    )
