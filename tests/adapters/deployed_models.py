"""One network in every shape in which a hospital may have it."""

import json
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import torch
from monai.networks.nets import UNet

SHAPE = (16, 8, 8)
AFFINE = np.diag([1.0, 1.0, 2.0, 1.0])
NETWORK = {
    "spatial_dims": 3,
    "in_channels": 1,
    "out_channels": 3,
    "channels": [4, 8],
    "strides": [2],
    "num_res_units": 1,
    "dropout": 0.3,
    "norm": "batch",
}


def unet(seed: int = 0) -> UNet:
    """Return a small network of three classes, in evaluation mode."""
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        return UNet(**NETWORK).eval()


def write_onnx(model: torch.nn.Module, path: Path, shape: tuple[int, ...] = SHAPE) -> None:
    """Write a model as ``torch.onnx.export`` does."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the exporter that needs no further library is the old one
        torch.onnx.export(model, (torch.zeros(1, 1, *shape),), path, dynamo=False)


def write_onnx_apart(path: Path, other: Path) -> None:
    """Write an ONNX file again, with its weights in a file ``weights.bin`` beside it."""
    onnx.save(
        onnx.load(path),
        other,
        save_as_external_data=True,
        location="weights.bin",
        size_threshold=0,
    )


def write_torchscript(model: torch.nn.Module, path: Path, shape: tuple[int, ...] = SHAPE) -> None:
    """Write a traced model."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # TorchScript is deprecated; hospitals still have it
        torch.jit.save(torch.jit.trace(model, torch.zeros(1, 1, *shape)), path)


def write_exported(model: torch.nn.Module, path: Path, shape: tuple[int, ...] = SHAPE) -> None:
    """Write an exported program."""
    torch.export.save(torch.export.export(model, (torch.zeros(1, 1, *shape),)), path)


def write_bundle(model: torch.nn.Module, folder: Path, **config: Any) -> Path:
    """Write a MONAI bundle; `config` is added to its ``inference.json``."""
    (folder / "configs").mkdir(parents=True)
    (folder / "models").mkdir()
    whole = {"network_def": {"_target_": "UNet", **NETWORK}, **config}
    (folder / "configs" / "metadata.json").write_text(json.dumps({"version": "0.1.0"}))
    (folder / "configs" / "inference.json").write_text(json.dumps(whole))
    torch.save(model.state_dict(), folder / "models" / "model.pt")
    return folder
