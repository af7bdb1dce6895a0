"""A secret in a file, where no list of processes and no log shows it."""

from __future__ import annotations

from pathlib import Path

from segqc_conformal.errors import InputError

__all__ = ["check_secret", "read_secret"]

FEWEST_BYTES = 16


def read_secret(path: Path) -> bytes:
    """Return the secret in a file, without white space at its ends."""
    return path.read_bytes().strip()


def check_secret(secret: bytes, what: str) -> None:
    """Refuse a secret of fewer than 16 bytes; `what` says which one it is.

    Raises
    ------
    InputError

    Examples
    --------
    >>> check_secret(b"sixteen bytes ok", "salt")
    """
    if len(secret) < FEWEST_BYTES:
        raise InputError(
            f"a {what} of at least {FEWEST_BYTES} bytes",
            f"{len(secret)} bytes",
            "make one with `openssl rand -hex 32`",
        )
