"""A file that appears whole or not at all: readers see the old content or the new."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from uuid import uuid4

__all__ = ["on_disk", "replaced_at_once"]


@contextmanager
def replaced_at_once(path: Path, *, durable: bool = False, shared: bool = False) -> Iterator[Path]:
    """Give a hidden file beside `path` to write to, and put it in place of `path` on leaving.

    Parameters
    ----------
    path : Path
        Folders above it are made.
    durable : bool
        Whether what was written must be on the disk before this returns. Else what a power
        failure leaves is up to the file system.
    shared : bool
        Whether several processes may write this path at once: they do not meet, and the last one
        wins. A killed one leaves its hidden file, which may be deleted.

    Notes
    -----
    Guarantee: if the block raises, `path` is as it was, and nothing lies beside it. What a killed
    process leaves is taken over by the next writer, unless `shared`.

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
    own = f".{uuid4().hex[:8]}" if shared else ""
    temporary = path.with_name(f".{path.name}{own}.tmp")
    try:
        yield temporary
        if durable:
            on_disk(temporary)
        temporary.replace(path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise
    if durable:
        on_disk(path.parent)


def on_disk(path: Path) -> None:
    """Return when what was written to a file, or renamed in a folder, would outlast a power cut."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
