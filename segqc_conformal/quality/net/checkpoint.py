"""Checkpoints of a training: one safetensors file, replaced at once, never pickle."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor

from segqc_conformal.errors import FileFormatError, InputError, on_one_line
from segqc_conformal.replaced_file import replaced_at_once

if TYPE_CHECKING:
    from segqc_conformal.quality.net.training import TrainingState

__all__ = ["read_checkpoint", "write_checkpoint"]

NUMBERS = ("epoch", "best_epoch", "best_loss", "history")


def write_checkpoint(path: Path, state: TrainingState, identity: str) -> None:
    """Write everything that changes while a net trains."""
    moments = {
        f"optimiser.{number}.{name}": value
        for number, values in state.optimiser.state_dict()["state"].items()
        for name, value in values.items()
    }
    now = {f"now.{name}": value for name, value in state.network.state_dict().items()}
    best = {f"best.{name}": value for name, value in state.best.items()}
    tensors = {name: value.contiguous() for name, value in {**now, **best, **moments}.items()}
    words = {name: getattr(state, name) for name in NUMBERS}
    with replaced_at_once(path) as temporary:
        save_file(tensors, temporary, {"identity": identity, "state": json.dumps(words)})


def read_checkpoint(path: Path, state: TrainingState, identity: str) -> None:
    """Put a state to where the checkpoint was written.

    Raises
    ------
    InputError
        If it is of other settings or other data.
    FileFormatError
        If it cannot be read.
    """
    try:
        with safe_open(path, "pt") as file:
            words = file.metadata() or {}
            tensors = {name: file.get_tensor(name) for name in file.keys()}
    except (OSError, SafetensorError) as error:
        raise FileFormatError(
            f"a readable checkpoint {path.name}", on_one_line(error), "delete it to start again"
        ) from error
    if words.get("identity") != identity:
        raise InputError(
            f"a checkpoint of these settings and cases ({identity[:12]})",
            f"one of others ({str(words.get('identity'))[:12]}) in {path.name}",
            "name another file, or delete it to start again",
        )
    for name, value in json.loads(words["state"]).items():
        setattr(state, name, value)
    state.network.load_state_dict(_part(tensors, "now."))
    device = next(state.network.parameters()).device
    state.best = {name: value.to(device) for name, value in _part(tensors, "best.").items()}
    state.optimiser.load_state_dict(
        {**state.optimiser.state_dict(), "state": _moments(_part(tensors, "optimiser."))}
    )


def _part(tensors: dict[str, Tensor], prefix: str) -> dict[str, Tensor]:
    return {
        name.removeprefix(prefix): value
        for name, value in tensors.items()
        if name.startswith(prefix)
    }


def _moments(tensors: dict[str, Tensor]) -> dict[int, dict[str, torch.Tensor]]:
    moments: dict[int, dict[str, Tensor]] = {}
    for name, value in tensors.items():
        number, kind = name.split(".", 1)
        moments.setdefault(int(number), {})[kind] = value
    return moments
