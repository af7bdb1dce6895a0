"""The same models, the same bytes: an archive of skops without clock times and memory addresses."""

from __future__ import annotations

import io
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from zipfile import ZIP_DEFLATED, ZipFile, ZipInfo

from segqc_conformal.canonical_json import sha256_hex

__all__ = ["same_bytes"]

SCHEMA = "schema.json"
THEN = (1980, 1, 1, 0, 0, 0)  # the earliest time that an archive can hold


def same_bytes(archive: bytes) -> bytes:
    """Return an archive of skops with everything taken out that two runs differ in.

    Parameters
    ----------
    archive : bytes
        As skops writes it: members named by memory addresses or at random, nodes that carry
        addresses, the time of the run.

    Returns
    -------
    bytes
        An archive that skops reads as before: members named by their content and in that order,
        nodes numbered as they come, compressed.

    Notes
    -----
    Two nodes that were one object in memory are two after reading; none of the models that are
    saved depends on that, and whether strings are one object depends on where a table came from.
    Guarantee: equal models give equal bytes, with the same versions of the libraries.
    """
    with ZipFile(io.BytesIO(archive)) as file:
        contents = {name: file.read(name) for name in file.namelist()}
    schema = json.loads(contents.pop(SCHEMA))
    names = {
        name: f"{sha256_hex(content)[:32]}{Path(name).suffix}" for name, content in contents.items()
    }
    for number, node in enumerate(_nodes(schema)):
        if "__id__" in node:
            node["__id__"] = number
        if isinstance(node.get("file"), str):
            node["file"] = names[node["file"]]
    members = {names[name]: content for name, content in contents.items()}
    return _archive({**members, SCHEMA: json.dumps(schema, separators=(",", ":")).encode()})


def _nodes(part: Any) -> Iterator[dict[str, Any]]:
    if isinstance(part, dict):
        if "__loader__" in part:
            yield part
        part = list(part.values())
    if isinstance(part, list):
        for inner in part:
            yield from _nodes(inner)


def _archive(members: dict[str, bytes]) -> bytes:
    buffer = io.BytesIO()
    with ZipFile(buffer, "w") as file:
        for name in sorted(members):
            file.writestr(ZipInfo(name, THEN), members[name], ZIP_DEFLATED, compresslevel=6)
    return buffer.getvalue()
