"""A case log that is open: its database, and the form of its ids."""

from __future__ import annotations

from types import TracebackType
from typing import Self

from segqc_conformal.case_log.engine import open_engine
from segqc_conformal.case_log.stored_ids import StoredIds

__all__ = ["OpenLog"]


class OpenLog:
    """What every part of a log works on; closed at the end of a ``with`` block.

    Parameters
    ----------
    url : str
        SQLAlchemy URL: ``sqlite:///folder/log.db`` or ``postgresql+psycopg://user@host/name``.
    create : bool
        False: an SQLite file that does not exist is refused instead of made.
    ids : StoredIds
        How ids of cases and patients are stored.

    Raises
    ------
    InputError
        If `url` cannot be read as one.
    FileFormatError
        If the database cannot be opened, or is none.

    Notes
    -----
    Guarantee: none.
    """

    def __init__(self, url: str, *, create: bool = True, ids: StoredIds | None = None) -> None:
        self._engine, self._ids = open_engine(url, create), ids or StoredIds()

    def __enter__(self) -> Self:
        """Return the log itself."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Close the log."""
        self.close()

    def close(self) -> None:
        """Close the connections to the database."""
        self._engine.dispose()
