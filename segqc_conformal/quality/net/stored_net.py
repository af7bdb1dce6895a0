"""A fitted net as files: ``net.safetensors`` and ``net.json``, with hashes, never pickle."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from safetensors import SafetensorError
from safetensors.torch import load, save

from segqc_conformal.canonical_json import canonical_json, sha256_hex
from segqc_conformal.errors import FileFormatError, TamperedError, on_one_line
from segqc_conformal.hashed_json import read_hashed_json, write_hashed_json
from segqc_conformal.quality.net.fitted import FittedQualityNet
from segqc_conformal.quality.net.net_settings import settings_as_dict, settings_from_dict
from segqc_conformal.replaced_file import replaced_at_once

__all__ = ["load_net", "net_id", "save_net"]

WEIGHTS, SETTINGS = "net.safetensors", "net.json"


def save_net(net: FittedQualityNet, folder: str | Path) -> Path:
    """Write a fitted net into a folder.

    Parameters
    ----------
    net : FittedQualityNet
    folder : path
        Made where it is missing; a net that lies there is replaced.

    Returns
    -------
    Path
        The folder.

    Notes
    -----
    Guarantee: `load_net` gives the same outputs, bit for bit, on the same kind of machine.
    """
    folder = Path(folder)
    weights = _weights(net)
    folder.mkdir(parents=True, exist_ok=True)
    with replaced_at_once(folder / WEIGHTS) as temporary:
        temporary.write_bytes(weights)
    write_hashed_json(folder / SETTINGS, _description(net, weights))
    return folder


def load_net(folder: str | Path) -> FittedQualityNet:
    """Read a net written by `save_net`.

    Raises
    ------
    FileFormatError
        If a file is missing or cannot be read.
    TamperedError
        If any byte is not what was saved.

    Notes
    -----
    Guarantee: nothing in the files is run as code.
    """
    folder = Path(folder)
    content = read_hashed_json(folder / SETTINGS)
    try:
        weights = (folder / WEIGHTS).read_bytes()
    except OSError as error:
        raise FileFormatError(
            f"a file {WEIGHTS} in {folder}", on_one_line(error), "save the net again"
        ) from error
    if sha256_hex(weights) != content["weights_sha256"]:
        raise TamperedError(
            f"{WEIGHTS} with SHA-256 {content['weights_sha256'][:12]}",
            sha256_hex(weights)[:12],
            "restore the folder from a backup",
        )
    try:
        tensors = load(weights)
    except SafetensorError as error:
        raise FileFormatError(
            f"a readable {WEIGHTS}", on_one_line(error), "save the net again"
        ) from error
    return FittedQualityNet(
        settings_from_dict(content["settings"]),
        dict(content["widths"]),
        tensors,
        tuple(content["patients"]),
        tuple(content["history"]),
    )


def net_id(net: FittedQualityNet) -> str:
    """Return who a net is: the SHA-256 of everything that is saved of it."""
    return sha256_hex(canonical_json(_description(net, _weights(net))).encode())


def _weights(net: FittedQualityNet) -> bytes:
    return save({name: value.contiguous() for name, value in net.weights.items()})


def _description(net: FittedQualityNet, weights: bytes) -> dict[str, Any]:
    return {
        "schema": 1,
        "settings": settings_as_dict(net.settings),
        "widths": net.widths,
        "weights_sha256": sha256_hex(weights),
        "patients": list(net.patients),
        "history": list(net.history),
    }
