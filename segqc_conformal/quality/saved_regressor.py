"""A fitted quality regressor on disk: settings as JSON, the model as skops, each byte checked."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import Any

from segqc_conformal.adapters.skops_store import dump_models, read_models
from segqc_conformal.canonical_json import canonical_json, sha256_hex
from segqc_conformal.errors import FileFormatError, TamperedError, on_one_line
from segqc_conformal.quality.link import Link
from segqc_conformal.quality.regressor import QualityRegressor
from segqc_conformal.quality.residual_scale import ResidualScale
from segqc_conformal.replaced_file import replaced_at_once

__all__ = ["load_regressor", "save_regressor"]

SCHEMA = "quality-regressor/1"
SETTINGS, MODEL = "regressor.json", "regressor.skops"


def save_regressor(folder: str | Path, regressor: QualityRegressor) -> Path:
    """Write a fitted regressor into a folder: ``regressor.json`` and ``regressor.skops``.

    Parameters
    ----------
    folder : str or Path
        Made where it is missing; files of an earlier one are replaced.
    regressor : QualityRegressor
        Fitted.

    Returns
    -------
    Path
        The folder.

    Notes
    -----
    Guarantee: none.
    """
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    model = dump_models({"model": regressor.model_})
    fields = {
        "schema": SCHEMA,
        "settings": regressor.get_params(),
        "features": regressor.features_,
        "family": regressor.family_,
        "losses": regressor.losses_,
        "link": asdict(regressor.link_),
        "scale": asdict(regressor.scale_),
        "model_sha256": sha256_hex(model),
    }
    text = canonical_json(_finite(fields))
    with replaced_at_once(folder / MODEL) as path:
        path.write_bytes(model)
    with replaced_at_once(folder / SETTINGS) as path:
        path.write_text(canonical_json({"regressor": text, "sha256": sha256_hex(text.encode())}))
    return folder


def load_regressor(folder: str | Path) -> QualityRegressor:
    """Read a regressor written by `save_regressor`; its predictions are the same to the bit.

    Raises
    ------
    FileFormatError
        If there is none, or it is of another schema.
    TamperedError
        If a byte was changed, or the model holds types that are not trusted.
    """
    folder = Path(folder)
    fields = _fields(folder)
    models = read_models(folder / MODEL, fields["model_sha256"], "fit")
    found = QualityRegressor(**{**fields["settings"], "support": _support(fields["settings"])})
    found.features_, found.family_ = fields["features"], fields["family"]
    found.losses_ = fields["losses"]
    found.link_ = Link(_support(fields["link"]), fields["link"]["unit"])
    found.scale_ = ResidualScale(**fields["scale"])
    found.model_ = models["model"]
    return found


def _fields(folder: Path) -> dict[str, Any]:
    try:
        outer = json.loads((folder / SETTINGS).read_text("utf-8"))
    except FileNotFoundError:
        raise FileFormatError(
            f"a folder with {SETTINGS}", str(folder), "write one with save_regressor"
        ) from None
    except (OSError, ValueError) as error:
        raise _tampered(folder / SETTINGS, on_one_line(error)) from error
    text = str(outer.get("regressor", "")) if isinstance(outer, dict) else ""
    if not text or sha256_hex(text.encode()) != outer.get("sha256"):
        raise _tampered(folder / SETTINGS, "a checksum that does not fit")
    fields: dict[str, Any] = json.loads(text)
    if fields["schema"] != SCHEMA:
        raise FileFormatError(f"schema {SCHEMA}", fields["schema"], "fit and save it again")
    return fields


def _tampered(path: Path, received: str) -> TamperedError:
    return TamperedError(f"{path.name} as it was saved", received, "restore it, or fit again")


def _finite(fields: dict[str, Any]) -> dict[str, Any]:
    """Write an infinite end of a support as null, which JSON can hold."""
    for part in ("settings", "link"):
        support = fields[part]["support"]
        ends = None if support is None else [_end(end) for end in support]
        fields = {**fields, part: {**fields[part], "support": ends}}
    return fields


def _end(end: float) -> float | None:
    return None if end == float("inf") else float(end)


def _support(part: dict[str, Any]) -> tuple[float, float] | None:
    ends = part["support"]
    return None if ends is None else (ends[0], float("inf") if ends[1] is None else ends[1])
