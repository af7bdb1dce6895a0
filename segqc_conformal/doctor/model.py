"""A model: can it be read, can it be sampled from, and does its output fit its settings."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from segqc_conformal.doctor.finding import Complaint, Finding, complaint_of, listed
from segqc_conformal.doctor.samples import too_few_classes
from segqc_conformal.errors import SamplingError, SegqcError, on_one_line

if TYPE_CHECKING:
    from torch import Tensor, nn

    from segqc_conformal.case import Case

__all__ = [
    "failing_model",
    "missing_dropout",
    "random_in_evaluation",
    "same_weights",
    "silent_dropout",
    "training_export",
    "unreadable_model",
    "wrong_activation",
]

_LONGEST = 320  # letters of what a model raised: some print whole graphs


def unreadable_model(model: nn.Module | str | Path) -> tuple[Finding, nn.Module | None]:
    """Find model files that cannot be read, and models without weights.

    Parameters
    ----------
    model : torch.nn.Module or path of a ``.pt2`` file

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
    from segqc_conformal.adapters.torch_export import load_exported_program
    from segqc_conformal.sampling.model_identity import weights_identity

    named = Path(model).name if isinstance(model, str | Path) else type(model).__name__
    try:
        module = load_exported_program(model) if isinstance(model, str | Path) else model
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
    from torch.nn.modules.dropout import _DropoutNd

    from segqc_conformal.sampling.mc_dropout import active_dropout_layers

    if exported_calls(module):
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
    nodes = getattr(getattr(module, "graph", None), "nodes", ())
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


def failing_model(
    module: nn.Module, case: Case, structures: Mapping[str, int]
) -> tuple[Finding, tuple[Tensor, ...]]:
    """Find models that fail on an image, or whose output is not finite or not on its grid.

    Returns
    -------
    (finding, outputs)
        Of two passes over the image, ``(1, channels, *spatial)`` each, before any activation; none
        where it failed.

    Notes
    -----
    Guarantee: the model and the random state are left as found.
    """
    from segqc_conformal.sampling.predictor import Predictor
    from segqc_conformal.sampling.undisturbed import undisturbed

    outputs: list[Tensor] = []

    def kept(batch: Tensor, network: nn.Module) -> Tensor:
        outputs.append(network(batch))
        return outputs[-1]

    # none of the activations matters for the shape; this one takes any finite output
    predictor = Predictor(module, "sigmoid", inferer=kept, model_id="doctor")
    subject, image = f"model on {case.case_id}", case.channels_first()
    try:
        with undisturbed(module):
            classes = len(predictor(image))
            predictor(image)
    except SegqcError as error:
        return complaint_of(error).about(subject), ()
    except Exception as error:  # whatever a user's model raises
        return Finding("problem", subject, on_one_line(error)[:_LONGEST]), ()
    for complaint in too_few_classes(classes, structures):
        return complaint.about(subject), ()
    said = f"{tuple(image.shape)} -> {tuple(outputs[0].shape[1:])}"
    return Finding("ok", subject, said), tuple(outputs)


def random_in_evaluation(outputs: Sequence[Tensor]) -> Iterator[Complaint]:
    """Find models whose output for one image differs from pass to pass in evaluation mode.

    Examples
    --------
    >>> import torch
    >>> len(list(random_in_evaluation([torch.zeros(1, 2, 3), torch.ones(1, 2, 3)])))
    1
    """
    if any(not outputs[0].equal(output) for output in outputs[1:]):
        yield Complaint(
            "problem",
            "the same output for the same image in evaluation mode",
            "another output in the second pass",
            "use dropout layers, not functional.dropout(training=True): only samplers may vary",
        )


def wrong_activation(output: Tensor, activation: str) -> Iterator[Complaint]:
    """Find outputs that do not fit the activation: probabilities where logits were said.

    Examples
    --------
    >>> import torch
    >>> probabilities = torch.tensor([[[0.25], [0.75]]])
    >>> next(wrong_activation(probabilities, "softmax")).remedy
    'say activation none: the softmax would be applied twice'
    """
    within = bool(((output >= 0) & (output <= 1)).all())
    sums = output.sum(dim=1)
    to_one = output.shape[1] > 1 and bool(((sums - 1).abs() < 1e-3).all())
    if activation == "none" and not within:
        received = f"values from {float(output.min()):.3g} to {float(output.max()):.3g}"
        yield Complaint(
            "problem",
            "probabilities, as activation none says",
            received,
            "say activation softmax, or sigmoid for overlapping regions",
        )
    elif activation in ("softmax", "sigmoid") and within:
        yield Complaint(
            "problem" if to_one else "warning",
            f"logits, as activation {activation} says",
            "values in [0, 1]" + (" that sum to 1: probabilities" if to_one else ""),
            f"say activation none: the {activation} would be applied twice",
        )


def silent_dropout(module: nn.Module, case: Case) -> Iterator[Complaint]:
    """Find models with dropout layers that do not reach the output: all samples are the same.

    Notes
    -----
    Draws two samples where there is an active layer.
    Guarantee: none.
    """
    from segqc_conformal.sampling.mc_dropout import MCDropout, active_dropout_layers
    from segqc_conformal.sampling.predictor import Predictor

    if not active_dropout_layers(module):
        return
    predictor = Predictor(module, "sigmoid", model_id="doctor")
    try:
        for _ in MCDropout(samples=2)(predictor, case.channels_first(), case_id=case.case_id):
            pass
    except SamplingError as error:
        yield complaint_of(error)
