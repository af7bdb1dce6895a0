"""A file that appears whole or not at all: readers see the old content or the new."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

__all__ = ["replaced_at_once"]


@contextmanager
def replaced_at_once(path: Path) -> Iterator[Path]:
    """Give a hidden file beside `path` to write to, and put it in place of `path` on leaving.

    Notes
    -----
    Guarantee: if the block raises, `path` is as it was. What a power failure leaves is up to the
    file system.

    Examples
    --------
    >>> import tempfile
    >>> path = Path(tempfile.mkdtemp()) / "page.html"
    >>> with replaced_at_once(path) as temporary:
    ...     _ = temporary.write_text("whole")
    ...     path.exists()
    False
    >>> path.read_text(), len(list(path.parent.iterdir()))
    ('whole', 1)
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.tmp")
    yield temporary
    temporary.replace(path)
