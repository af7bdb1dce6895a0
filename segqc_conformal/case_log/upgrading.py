"""Bringing the schema of a log up to date; a log that is up to date costs one SELECT."""

from __future__ import annotations

from pathlib import Path

from sqlalchemy import Connection, Engine, text
from sqlalchemy.exc import OperationalError, ProgrammingError

from segqc_conformal.case_log.unversioned import revision_by_columns
from segqc_conformal.errors import FileFormatError

__all__ = ["HEAD", "VERSION_TABLE", "bring_up_to_date"]

HEAD = "0006"  # the newest file in migrations/versions
VERSION_TABLE = "segqc_log_version"  # a name of our own: databases are shared with others
MIGRATIONS = Path(__file__).parent / "migrations"
UPGRADE_LOCK = 0x5E69C001


def bring_up_to_date(engine: Engine) -> None:
    """Make the tables, or upgrade those of an older version, in one transaction.

    Raises
    ------
    FileFormatError
        If the log is of a newer version, or the tables are no log's.

    Notes
    -----
    Guarantee: none statistical. An upgrade is done whole or not at all, and once, however many
    processes open the log together. No case, verdict, feature, audit or event is lost.
    """
    if _noted(engine) == HEAD:
        return
    with engine.execution_options(writes=True).begin() as connection:
        if connection.dialect.name == "postgresql":
            connection.execute(text(f"SELECT pg_advisory_xact_lock({UPGRADE_LOCK})"))
        _upgrade(connection)


def _noted(engine: Engine) -> str | None:
    """Return the revision noted in the database; None where none can be read."""
    try:
        with engine.connect() as connection:
            found = connection.execute(text(f"SELECT version_num FROM {VERSION_TABLE}")).scalar()
    except (OperationalError, ProgrammingError):
        return None
    return None if found is None else str(found)


def _upgrade(connection: Connection) -> None:
    # only here: a log that is up to date need not wait for these to load
    from alembic.migration import MigrationContext
    from alembic.operations import Operations
    from alembic.script import ScriptDirectory

    script = ScriptDirectory(str(MIGRATIONS))
    context = MigrationContext.configure(connection, opts={"version_table": VERSION_TABLE})
    found = context.get_current_revision() or revision_by_columns(connection)
    revisions = [each.revision for each in script.walk_revisions()][::-1]
    if found is not None and found not in revisions:
        raise FileFormatError(
            f"a case log of schema {HEAD} or older",
            f"schema {found}, of a newer version of segqc-conformal",
            "use that version or a newer one; a log is never taken back to an older schema",
        )
    done = 0 if found is None else revisions.index(found) + 1
    with Operations.context(context):
        for revision in revisions[done:]:
            script.get_revision(revision).module.upgrade()
            context.stamp(script, revision)
