"""A database that fails beneath the log: full, read-only, damaged, out of reach."""

from __future__ import annotations

from sqlalchemy import Engine
from sqlalchemy.engine import ExceptionContext
from sqlalchemy.exc import DatabaseError, InternalError, OperationalError

from segqc_conformal.errors import FileFormatError

__all__ = ["name_what_failed", "unusable"]

NO_PERMISSION = "42501"  # what PostgreSQL calls it; other errors of that kind would be ours


def unusable(engine: Engine, found: object) -> FileFormatError:
    """Return the error that says what the database said of itself."""
    return FileFormatError(
        "a case log that can be opened, read and written",
        f"{engine.url.render_as_string(hide_password=True)}: {' '.join(str(found).split())}",
        "check path and permissions and the space on the disk, and do the same again: what failed "
        "changed nothing, or all where the connection was lost at the very end; a damaged file "
        "is restored from a backup",
    )


def name_what_failed(context: ExceptionContext) -> FileFormatError | None:
    """Say in our words what is no fault of a statement: a listener to SQLAlchemy's errors.

    Notes
    -----
    Guarantee: none statistical. The transaction in which it happens is rolled back.
    """
    of_database = type(context.sqlalchemy_exception) in (
        DatabaseError,
        InternalError,
        OperationalError,
    )
    denied = getattr(context.original_exception, "sqlstate", None) == NO_PERMISSION
    if context.engine is None or not (of_database or denied):
        return None
    return unusable(context.engine, context.original_exception)
