"""JSON files that hold the hash of their own content."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from segqc_conformal.canonical_json import canonical_json, sha256_hex
from segqc_conformal.errors import FileFormatError, TamperedError, on_one_line
from segqc_conformal.replaced_file import replaced_at_once

__all__ = ["read_hashed_json", "write_hashed_json"]


def write_hashed_json(path: Path, content: dict[str, Any]) -> None:
    """Write JSON with the hash of its own content."""
    own = sha256_hex(canonical_json(content).encode())
    with replaced_at_once(path) as temporary:
        temporary.write_text(canonical_json({"content": content, "sha256": own}), "utf-8")


def read_hashed_json(path: Path) -> dict[str, Any]:
    """Read JSON written by `write_hashed_json`.

    Raises
    ------
    FileFormatError
        If it is missing or no JSON.
    TamperedError
        If its content is not what was written.
    """
    try:
        text = path.read_text("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise FileFormatError(
            f"a readable file {path.name} in {path.parent}",
            on_one_line(error),
            "check the path, or save it again",
        ) from error
    try:
        whole = json.loads(text)
        content: dict[str, Any] = whole["content"]
        good = sha256_hex(canonical_json(content).encode()) == whole["sha256"]
        good = good and text == canonical_json(whole)
    except (ValueError, KeyError, TypeError):
        good = False
    if not good:
        raise TamperedError(
            f"{path.name} as it was saved",
            "a file whose content and hash disagree",
            "restore the folder from a backup",
        )
    return content
