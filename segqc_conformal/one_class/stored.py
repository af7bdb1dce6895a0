"""A calibrated one-class model on disk: numbers as JSON, models as skops, each byte checked."""

from __future__ import annotations

from pathlib import Path

from segqc_conformal.adapters.skops_store import dump_models, read_models
from segqc_conformal.canonical_json import sha256_hex
from segqc_conformal.errors import FileFormatError
from segqc_conformal.hashed_json import read_hashed_json, write_hashed_json
from segqc_conformal.one_class.calibrated import CalibratedOneClass
from segqc_conformal.one_class.fitted import FittedOneClass
from segqc_conformal.replaced_file import replaced_at_once

__all__ = ["load_one_class", "save_one_class"]

SCHEMA = "one-class/1"
NUMBERS, MODELS = "one_class.json", "one_class.skops"


def save_one_class(folder: str | Path, calibrated: CalibratedOneClass) -> Path:
    """Write a calibrated one-class model into a folder, made where it is missing.

    Notes
    -----
    Guarantee: none.
    """
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    fitted = calibrated.fitted
    models = dump_models(dict(fitted.models))
    content = {
        "schema": SCHEMA,
        "false_alarm": calibrated.false_alarm,
        "dice_threshold": calibrated.dice_threshold,
        "seed": calibrated.seed,
        "method": fitted.method,
        "features": list(fitted.features),
        "units": {name: list(unit) for name, unit in fitted.units.items()},
        "calibration": {name: list(values) for name, values in calibrated.calibration.items()},
        "identity": dict(calibrated.identity),
        "left_out": dict(calibrated.left_out),
        "models_sha256": sha256_hex(models),
    }
    with replaced_at_once(folder / MODELS) as path:
        path.write_bytes(models)
    write_hashed_json(folder / NUMBERS, content)
    return folder


def load_one_class(folder: str | Path) -> CalibratedOneClass:
    """Read what `save_one_class` wrote.

    Raises
    ------
    FileFormatError
        If there is none, or it is of another schema.
    TamperedError
        If a byte was changed, or the models hold types that are not trusted.
    """
    folder = Path(folder)
    content = read_hashed_json(folder / NUMBERS)
    if content.get("schema") != SCHEMA:
        raise FileFormatError(
            f"schema {SCHEMA}", content.get("schema"), "calibrate and save it again"
        )
    models = read_models(folder / MODELS, content["models_sha256"], "calibrate")
    units = {name: (unit[0], unit[1]) for name, unit in content["units"].items()}
    fitted = FittedOneClass(content["method"], tuple(content["features"]), models, units)
    return CalibratedOneClass(
        content["false_alarm"],
        content["dice_threshold"],
        content["seed"],
        fitted,
        {name: tuple(values) for name, values in content["calibration"].items()},
        content["identity"],
        content["left_out"],
    )
