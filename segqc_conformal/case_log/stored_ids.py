"""How ids of cases and patients are stored: as given, or hashed under a secret of the hospital."""

from __future__ import annotations

import hashlib
import hmac
from dataclasses import dataclass, field
from pathlib import Path

from segqc_conformal.patients import pseudonym, under_pseudonym
from segqc_conformal.secret_file import check_secret, read_secret

__all__ = ["StoredIds"]

DIGITS = 32  # hexadecimal ones: 128 bits


@dataclass(frozen=True)
class StoredIds:
    """The form in which a log stores the ids of cases and patients.

    Parameters
    ----------
    salt : bytes, optional
        Secret of at least 16 bytes that lies outside the log; None: ids are stored as given.

    Raises
    ------
    InputError
        If the secret is shorter.

    Notes
    -----
    Guarantee: none statistical. Hashes are HMAC-SHA256, cut to 128 bits. Without the salt a stored
    id tells no more than whether two are the same. With it, a guessed id can be confirmed, and the
    `pseudonym` of a patient, which calibration folders keep, can be read: recalibration needs it
    to know whose labels were used before.

    Examples
    --------
    >>> StoredIds().case("c17"), StoredIds(b"0123456789abcdef").case("c17")
    ('c17', 'f820889bb1710e994f73212c0a023b7f')
    """

    salt: bytes | None = field(default=None, repr=False)

    def __post_init__(self) -> None:
        """Check the salt."""
        if self.salt is not None:
            check_secret(self.salt, "salt")

    @classmethod
    def from_file(cls, path: Path | None) -> StoredIds:
        """Read the salt from a file, without white space at its ends; None: no salt."""
        return cls(None if path is None else read_secret(path))

    @property
    def fingerprint(self) -> str | None:
        """What tells this salt from others, and does not give it away; None without one."""
        return None if self.salt is None else _mac(self.salt, "fingerprint")[:DIGITS]

    def case(self, given: str) -> str:
        """Return how the id of a case is stored."""
        return given if self.salt is None else _mac(self.salt, f"case:{given}")[:DIGITS]

    def patient(self, given: str) -> str:
        """Return how the id of a patient is stored: its hash, and its sealed pseudonym after it."""
        if self.salt is None:
            return given
        own = _mac(self.salt, f"patient:{given}")[:DIGITS]
        return own + _sealed(self.salt, own, pseudonym(given))

    def known_patient(self, stored: str) -> str:
        """Return an id that has the same `pseudonym` as the given one, from the stored one."""
        if self.salt is None:
            return stored
        return under_pseudonym(_sealed(self.salt, stored[:DIGITS], stored[DIGITS:]))


def _mac(salt: bytes, text: str) -> str:
    return hmac.new(salt, text.encode(), hashlib.sha256).hexdigest()


def _sealed(salt: bytes, own: str, digits: str) -> str:
    """Seal or open: every patient has a pad of its own, as the hash of the id goes into it."""
    pad = _mac(salt, f"pseudonym:{own}")[: len(digits)]
    return f"{int(digits, 16) ^ int(pad, 16):0{len(digits)}x}"
