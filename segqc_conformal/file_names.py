"""File names made from case ids, which may hold anything."""

from __future__ import annotations

import re

from segqc_conformal.canonical_json import sha256_hex

__all__ = ["safe_file_name"]


def safe_file_name(case_id: str) -> str:
    """Return the case id where it is a safe file name, else a hash of it.

    Examples
    --------
    >>> safe_file_name("c17"), safe_file_name("../c17")
    ('c17', '1a3b10ede1d6b621')
    """
    if re.fullmatch(r"\w[\w.-]{0,199}", case_id, re.ASCII):
        return case_id
    return sha256_hex(case_id.encode())[:16]
