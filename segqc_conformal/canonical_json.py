"""One JSON text per value, byte for byte: what content hashes are taken of."""

from __future__ import annotations

import hashlib
import json
from typing import Any

__all__ = ["canonical_json", "sha256_hex"]


def canonical_json(value: Any) -> str:
    r"""Write `value` as JSON with sorted keys, two-space indent and a final newline.

    Raises
    ------
    ValueError
        For NaN or infinity, which JSON cannot hold.

    Examples
    --------
    >>> canonical_json({"b": 1, "a": [0.1]})
    '{\n  "a": [\n    0.1\n  ],\n  "b": 1\n}\n'
    """
    return json.dumps(value, sort_keys=True, indent=2, allow_nan=False, ensure_ascii=False) + "\n"


def sha256_hex(data: bytes) -> str:
    """Return the SHA-256 of `data` as 64 hex digits.

    Examples
    --------
    >>> sha256_hex(b"")[:8]
    'e3b0c442'
    """
    return hashlib.sha256(data).hexdigest()
