"""Finished cases on disk, so that an interrupted extraction goes on where it stopped."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from segqc_conformal.canonical_json import canonical_json, sha256_hex
from segqc_conformal.case import Case
from segqc_conformal.errors import on_one_line
from segqc_conformal.file_hash import file_sha256
from segqc_conformal.replaced_file import replaced_at_once

__all__ = ["case_key", "read_finished", "write_finished"]

_PARTS = ("image", "mask", "reference", "region_map", "element_weights", "scan")


def case_key(
    case: Any,
    structures: Mapping[str, int],
    settings: Mapping[str, str],
    *,
    by_content: bool = False,
) -> str:
    """Hash everything a case's rows depend on, as far as it can be seen.

    Parameters
    ----------
    case : Case or CaseFiles
        Arrays enter by their bytes.
    structures : mapping of str to int
    settings : mapping of str to str
        Identity of model, sampler and schema, and the name of the post-processing.
    by_content : bool
        Files enter by their bytes, so that copies elsewhere are the same; else by path, size and
        time of change, without being read.

    Returns
    -------
    str
        64 hex digits.

    Notes
    -----
    Guarantee: none; what a post-processing function does is not hashed, only its name.

    Examples
    --------
    >>> case = Case(np.zeros(3), case_id="c17", patient_id="p9")
    >>> len(case_key(case, {"lesion": 1}, {"model_id": "m"}))
    64
    """
    seen = _content if by_content else _fingerprint
    return sha256_hex(
        canonical_json(
            {
                "case": [case.case_id, case.patient_id, case.site, str(case.time), *_mark(case)],
                "content": {name: seen(getattr(case, name, None)) for name in _PARTS},
                "samples": [seen(path) for path in getattr(case, "samples", ())],
                "beside": [seen(path) for path in getattr(case, "beside", ())],
                "spacing": list(case.spacing) if isinstance(case, Case) else None,
                "structures": dict(structures),
                "settings": dict(settings),
            }
        ).encode()
    )


def _mark(case: Any) -> list[str]:
    return ["corrupted"] if case.corrupted else []


def _fingerprint(part: Any) -> str | None:
    if part is None:
        return None
    if isinstance(part, np.ndarray):
        return sha256_hex(f"{part.dtype}{part.shape}".encode() + part.tobytes())
    path = Path(part)
    if not path.exists():
        return f"{path} is missing"
    stats = [(file.resolve(), file.stat()) for file in _files(path)]
    return ";".join(f"{file}:{stat.st_size}:{stat.st_mtime_ns}" for file, stat in stats)


def _content(part: Any) -> str | None:
    if part is None or isinstance(part, np.ndarray):
        return _fingerprint(part)
    path = Path(part)
    try:
        return ";".join(map(file_sha256, _files(path))) if path.exists() else "missing"
    except OSError as error:  # its case fails by name when its turn comes
        return on_one_line(error)


def _files(path: Path) -> list[Path]:
    """Return the files that are read of a case's path: of a folder those directly inside."""
    if not path.is_dir():
        return [path]
    return sorted(file for file in path.iterdir() if file.is_file() and file.name[0] != ".")


def read_finished(folder: Path, key: str) -> list[dict[str, Any]] | None:
    """Return the rows of a finished case; None if there are none or the file is damaged."""
    try:
        rows = json.loads((folder / f"{key}.json").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    whole = isinstance(rows, list) and rows and all(isinstance(row, dict) for row in rows)
    return rows if whole else None


def write_finished(folder: Path, key: str, rows: list[dict[str, Any]]) -> None:
    """Write the rows of a finished case; the file appears whole or not at all."""
    with replaced_at_once(folder / f"{key}.json", shared=True) as temporary:
        # Not the canonical form: the order of the keys is the order of the table's columns.
        temporary.write_text(json.dumps(rows, allow_nan=False), encoding="utf-8")
