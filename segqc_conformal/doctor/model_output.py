"""A model on an image: does it run, and does its output fit its settings."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING

from segqc_conformal.doctor.finding import Complaint, Finding, complaint_of
from segqc_conformal.doctor.samples import too_few_classes
from segqc_conformal.errors import SamplingError, SegqcError, on_one_line

if TYPE_CHECKING:
    from torch import Tensor, nn

    from segqc_conformal.case import Case

__all__ = ["failing_model", "random_in_evaluation", "silent_dropout", "wrong_activation"]

_LONGEST = 320  # letters of what a model raised: some print whole graphs


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
