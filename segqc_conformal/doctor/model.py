"""A model by itself: can it be read, and can dropout or an ensemble of it draw samples."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from segqc_conformal.doctor.finding import Complaint, Finding, complaint_of, listed
from segqc_conformal.errors import SegqcError

if TYPE_CHECKING:
    from torch import nn

__all__ = ["missing_dropout", "same_weights", "training_export", "unreadable_model"]


def unreadable_model(model: nn.Module | str | Path) -> tuple[Finding, nn.Module | None]:
    """Find model files that cannot be read, and models without weights.

    Parameters
    ----------
    model : torch.nn.Module or path of a ``.pt2``, ``.ts``, ``.pt`` or ``.onnx`` file

    Returns
    -------
    (finding, module)
        `module` is None where the file cannot be read.

    Notes
    -----
    Guarantee: none.

    Examples
    --------
    >>> import torch
    >>> unreadable_model(torch.nn.Linear(1, 1))[0].message[:23]
    'Linear, model_id sha256'
    """
    from segqc_conformal.features.programs import load_program
    from segqc_conformal.sampling.model_identity import weights_identity

    named = Path(model).name if isinstance(model, str | Path) else type(model).__name__
    try:
        module = load_program(model) if isinstance(model, str | Path) else model
        return Finding("ok", "model", f"{named}, model_id {weights_identity(module)}"), module
    except SegqcError as error:
        return complaint_of(error).about("model"), None


def missing_dropout(module: nn.Module) -> Finding:
    """Find models of which dropout cannot draw samples: no layer, or only layers with p = 0.

    Examples
    --------
    >>> import torch
    >>> missing_dropout(torch.nn.Sequential(torch.nn.Linear(1, 1), torch.nn.Dropout(0.2))).message
    '1 active layers: MCDropout can draw samples'
    """
    from torch.jit import ScriptModule
    from torch.nn.modules.dropout import _DropoutNd

    from segqc_conformal.adapters.onnx_session import OnnxModel
    from segqc_conformal.sampling.mc_dropout import active_dropout_layers

    if exported_calls(module) or isinstance(module, (ScriptModule, OnnxModel)):
        return Finding("ok", "dropout", _EXPORTED)
    active = len(active_dropout_layers(module))
    if active:
        return Finding("ok", "dropout", f"{active} active layers: MCDropout can draw samples")
    idle = sum(isinstance(part, _DropoutNd) for part in module.modules())
    return Complaint(
        "warning",
        "dropout layers with p > 0, for MCDropout",
        f"{idle} dropout layers, all with p = 0" if idle else "no dropout layer",
        "train with dropout, or use an ensemble: MCDropout refuses this model",
    ).about("dropout")


_EXPORTED = (
    "fixed by the export: one program gives one sample. For samples that differ, give several "
    "programs, or run MCDropout on the model in Python"
)


def exported_calls(module: nn.Module) -> list[Any]:
    """Return the calls of an exported program; none of another module."""
    from torch.fx import GraphModule

    nodes = module.graph.nodes if isinstance(module, GraphModule) else ()
    return [node for node in nodes if hasattr(node.target, "_schema")]


def training_export(module: nn.Module) -> list[Finding]:
    """Find programs exported in training mode: dropout and batch statistics are on for good.

    Notes
    -----
    Guarantee: none.
    """
    on = set()
    for node in exported_calls(module):
        names = [argument.name for argument in node.target._schema.arguments]
        given = dict(zip(names, node.args, strict=False)) | dict(node.kwargs)
        if given.get("training", given.get("train")) is True:
            on.add(node.target._schema.name.removeprefix("aten::"))
    if not on:
        return []
    return [
        Complaint(
            "problem",
            "a program exported in evaluation mode",
            f"{', '.join(sorted(on))} in training mode",
            "call model.eval() before torch.export.export",
        ).about("model")
    ]


def same_weights(names: Sequence[str], modules: Sequence[nn.Module]) -> list[Finding]:
    """Find members of an ensemble that have the same weights.

    Examples
    --------
    >>> import torch
    >>> layer = torch.nn.Linear(1, 1)
    >>> same_weights(["a.pt2", "b.pt2"], [layer, layer])[0].message.split(";")[1]
    ' received a.pt2, b.pt2 with the same'
    """
    from segqc_conformal.sampling.model_identity import weights_identity

    members: dict[str, list[str]] = defaultdict(list)
    for name, module in zip(names, modules, strict=True):
        members[weights_identity(module)].append(name)
    return [
        Complaint(
            "problem",
            "members of different weights",
            f"{listed(same)} with the same",
            "load each member's own weights: equal members cannot disagree",
        ).about("ensemble")
        for same in members.values()
        if len(same) > 1
    ]
