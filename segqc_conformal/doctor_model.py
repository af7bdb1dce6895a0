"""What could go wrong before it does: a model."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from segqc_conformal.doctor import Finding
from segqc_conformal.errors import SegqcError, on_one_line

if TYPE_CHECKING:
    from torch import Tensor, nn

    from segqc_conformal.case import Case

__all__ = ["check_model", "check_model_on_case"]

_LONGEST = 320  # letters of what a model raised: some print whole graphs


def check_model(model: nn.Module | str | Path) -> tuple[list[Finding], nn.Module | None]:
    """Look at a model: can it be read, who is it, and does it have dropout.

    Parameters
    ----------
    model : torch.nn.Module or path of a ``.pt2``, ``.ts``, ``.pt`` or ``.onnx`` file

    Returns
    -------
    (findings, module)
        `module` is None where the file cannot be read.

    Notes
    -----
    Guarantee: none.

    Examples
    --------
    >>> import torch
    >>> findings, _ = check_model(torch.nn.Sequential(torch.nn.Linear(1, 1), torch.nn.Dropout(0.2)))
    >>> findings[1].message
    '1 active layers: MCDropout can draw samples'
    """
    from segqc_conformal.features.programs import load_program
    from segqc_conformal.sampling.model_identity import weights_identity

    exported = isinstance(model, str | Path)
    try:
        module = load_program(model) if isinstance(model, str | Path) else model
        found = Finding("ok", "model", f"readable, model_id {weights_identity(module)}")
    except SegqcError as error:
        return [Finding("problem", "model", str(error))], None
    return [found, _exported_dropout(module) if exported else _dropout(module)], module


def _dropout(module: nn.Module) -> Finding:
    from segqc_conformal.sampling.mc_dropout import active_dropout_layers

    layers = len(active_dropout_layers(module))
    if layers:
        return Finding("ok", "dropout", f"{layers} active layers: MCDropout can draw samples")
    return Finding("warning", "dropout", "no active layer (p > 0): MCDropout refuses this model")


def _exported_dropout(module: nn.Module) -> Finding:
    from torch.fx import GraphModule

    layers = "fixed"  # TorchScript and ONNX do not tell which layers they have
    if isinstance(module, GraphModule):
        number = sum("dropout" in str(node.target) for node in module.graph.nodes)
        layers = f"{number} dropout layers, fixed" if number else "no dropout layers; fixed"
    return Finding(
        "ok",
        "dropout",
        f"{layers} in evaluation mode by the export: one program gives one sample. For samples "
        "that differ, give several programs, or run MCDropout on the model in Python",
    )


def check_model_on_case(module: nn.Module, case: Case, structures: dict[str, int]) -> Finding:
    """Run a model on one image and look at the shape of what comes back.

    Parameters
    ----------
    module : torch.nn.Module
        Left as found.
    case : Case
    structures : dict of str to int
        May be empty.

    Returns
    -------
    Finding
        A problem if the model fails, or its output is not finite, not on the image's grid, or
        lacks a channel for a structure.

    Notes
    -----
    Guarantee: none; the activation is not looked at.
    """
    from segqc_conformal.sampling.predictor import Predictor
    from segqc_conformal.sampling.undisturbed import undisturbed

    # none of the activations matters for the shape; this one takes any finite output
    predictor = Predictor(module, "sigmoid", model_id="doctor")
    subject = f"model on {case.case_id}"
    try:
        with undisturbed(module):
            output: Tensor = predictor(case.channels_first())
    except Exception as error:  # whatever a user's model raises
        return Finding("problem", subject, on_one_line(error)[:_LONGEST])
    classes = len(output)
    if structures and max(structures.values()) >= max(classes, 2):
        return Finding(
            "problem",
            subject,
            f"{classes} channels, but structures {structures}: labels count from 0, the background",
        )
    return Finding("ok", subject, f"{tuple(case.channels_first().shape)} -> {tuple(output.shape)}")
