"""The predictor: a deployed model, from an image to probabilities on the image's own grid."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import chain
from typing import Any, Literal

import torch
from numpy.typing import ArrayLike
from torch import Tensor, nn

from segqc_conformal.errors import GeometryError, InputError
from segqc_conformal.sampling.activation import (
    EVIDENCE,
    check_activation,
    to_evidence,
    to_probabilities,
)
from segqc_conformal.sampling.channels import Channels
from segqc_conformal.sampling.evidence_check import check_evidence, check_not_normalised
from segqc_conformal.sampling.forward_pass import forward_pass
from segqc_conformal.sampling.image_tensor import image_tensor, plain_tensor
from segqc_conformal.sampling.model_identity import weights_identity
from segqc_conformal.sampling.probability_check import check_probabilities

__all__ = ["Predictor"]

_AUTOCAST = {"float16": torch.float16, "bfloat16": torch.bfloat16}


class Predictor:
    """A deployed model with everything needed to get probabilities for an image.

    Parameters
    ----------
    model : torch.nn.Module or callable
        Maps ``(images, channels', *spatial')`` to ``(images, classes, *spatial')``; one image a
        call, unless a sampler is told to batch. A module runs on the device, and in the
        floating-point type, of its own weights.
    activation : {"softmax", "sigmoid", "none", "evidence", "softplus", "exp", "relu"}
        What turns the model's output into probabilities. "sigmoid" with one channel is a binary
        structure, with several it is overlapping regions. An evidential model's output is evidence
        >= 0 ("evidence") or becomes it by the function named; its probabilities are the mean of
        the Dirichlet distribution.
    preprocess : callable, optional
        ``(channels, *spatial) -> (channels', *spatial')``.
    invert : callable, optional
        ``(probabilities (classes, *spatial'), image (channels, *spatial)) -> (classes, *spatial)``;
        needed wherever `preprocess` changes the grid. `evidence` passes evidence through it, so
        that it must not normalise.
    inferer : callable, optional
        Any MONAI inferer: called as ``inferer(inputs, network)``.
    model_id : str, optional
        Identity of the model. Default: a hash of the weights; required for a plain callable.
    autocast : {"float16", "bfloat16"}, optional
        Run the model under ``torch.autocast`` in this type; probabilities stay float32. It is
        added to `model_id`: a gate was calibrated with it or without.

    Raises
    ------
    InputError
        For an unknown activation or autocast type, autocast where no weights tell the device, or a
        callable or weightless model without `model_id`.

    Notes
    -----
    Guarantee: none. The call runs the model with its training flags as they stand; samplers set
    and restore them.

    Examples
    --------
    >>> import numpy as np
    >>> predictor = Predictor(nn.Identity(), model_id="raw logits")
    >>> predictor(np.zeros((2, 4, 4))).unique().tolist()
    [0.5]
    """

    def __init__(
        self,
        model: nn.Module | Callable[[Tensor], Any],
        activation: str = "softmax",
        preprocess: Callable[[Tensor], Tensor] | None = None,
        invert: Callable[[Tensor, Tensor], Tensor] | None = None,
        inferer: Callable[..., Any] | None = None,
        model_id: str | None = None,
        autocast: Literal["float16", "bfloat16"] | None = None,
    ) -> None:
        if not callable(model):
            raise InputError("a torch.nn.Module or a callable", repr(model), "pass the model")
        if model_id is None and not isinstance(model, nn.Module):
            raise InputError(
                "model_id for a model that is a plain callable",
                "None",
                "name it, and change the name with the model: Predictor(f, model_id='site-a-v3')",
            )
        self.model = model
        self.activation = check_activation(activation)
        self.preprocess = preprocess
        self.invert = invert
        self.inferer = inferer
        self.autocast = autocast
        self._check_autocast()
        identity = model_id or weights_identity(model)  # type: ignore[arg-type]
        self.model_id = identity if autocast is None else f"{identity}+{autocast}"

    def __repr__(self) -> str:
        """Name the model's class, the activation and the identity."""
        name = type(self.model).__name__
        return f"Predictor({name}, activation={self.activation!r}, model_id={self.model_id!r})"

    @property
    def channels(self) -> Channels:
        """What the channels of the probabilities mean."""
        return "overlapping" if self.activation == "sigmoid" else "exclusive"

    @property
    def evidential(self) -> bool:
        """Whether the model gives evidence."""
        return self.activation in EVIDENCE

    @property
    def device(self) -> torch.device:
        """The device of the model's weights; the CPU for a plain callable."""
        weight = self._first_weight()
        return torch.device("cpu") if weight is None else weight.device

    def __call__(self, image: ArrayLike | Tensor) -> Tensor:
        """Predict the probabilities of one image.

        Parameters
        ----------
        image : array or Tensor, shape ``(channels, *spatial)``
            Finite intensities.

        Returns
        -------
        Tensor of float32, shape ``(classes, *spatial)``
            On the model's device, without gradient history.

        Raises
        ------
        InputError
            If the output is no tensor of one batch item, not finite, outside [0, 1], or exclusive
            classes do not sum to 1 within 1e-3.
        GeometryError
            If the output is not on the image's grid.
        """
        return self.on_batch([image])[0]

    def on_batch(
        self,
        images: Sequence[ArrayLike | Tensor],
        network: Callable[[Tensor], Any] | None = None,
    ) -> list[Tensor]:
        """Predict several images of one shape in one forward pass.

        Parameters
        ----------
        images : sequence of arrays or Tensors, each ``(channels, *spatial)``
        network : callable, optional
            Run in place of the model, on its device and in its type.

        Returns
        -------
        list of Tensor
            As from a call with each of them.

        Raises
        ------
        InputError, GeometryError
            As from a call; also if the images differ in shape.
        """
        with torch.no_grad():
            tensors = [image_tensor(image, self.device) for image in images]
            outputs = self._run(tensors, network or self.model)
            probabilities = [
                self._inverted(to_probabilities(output, self.activation), tensor)
                for output, tensor in zip(outputs, tensors, strict=True)
            ]
        exclusive = self.channels == "exclusive"
        return [
            check_probabilities(values, tuple(tensor.shape[1:]), exclusive=exclusive)
            for values, tensor in zip(probabilities, tensors, strict=True)
        ]

    def evidence(self, image: ArrayLike | Tensor) -> Tensor:
        """Predict the evidence for each class in one image.

        Parameters
        ----------
        image : array or Tensor, shape ``(channels, *spatial)``

        Returns
        -------
        Tensor of float32, shape ``(classes, *spatial)``
            Not negative; on the model's device, without gradient history.

        Raises
        ------
        InputError
            If the activation is none of evidence, the evidence is not finite or negative, or
            `invert` normalises it.
        GeometryError
            If the output is not on the image's grid.
        """
        if not self.evidential:
            raise InputError(
                f"a Predictor of activation {', '.join(sorted(EVIDENCE))}",
                repr(self),
                "name the evidence function of a model that was trained with one",
            )
        with torch.no_grad():
            tensor = image_tensor(image, self.device)
            (output,) = self._run([tensor], self.model)
            raw = to_evidence(output, self.activation)
            evidence = self._inverted(raw, tensor)
        check_not_normalised(raw, evidence)
        return check_evidence(evidence, tuple(tensor.shape[1:]))

    def _inverted(self, values: Tensor, image: Tensor) -> Tensor:
        if self.invert is None:
            return values
        return plain_tensor(self.invert(values, image), "invert").float()

    def _run(self, images: list[Tensor], network: Callable[[Tensor], Any]) -> Tensor:
        dtype = None if self.autocast is None else _AUTOCAST[self.autocast]
        return forward_pass(network, self._batch(images), self.inferer, dtype)

    def _batch(self, images: list[Tensor]) -> Tensor:
        prepare = self.preprocess or (lambda image: image)
        prepared = [plain_tensor(prepare(image), "preprocess") for image in images]
        shapes = sorted({tuple(image.shape) for image in prepared})
        if len(shapes) != 1:
            raise GeometryError("images of one shape in a batch", shapes, "run them one by one")
        batch = torch.stack(prepared).to(self.device)
        weight = self._first_weight()
        if weight is None or not weight.is_floating_point():
            return batch
        return batch.to(weight.dtype)

    def _check_autocast(self) -> None:
        if self.autocast is None:
            return
        if self.autocast not in _AUTOCAST:
            raise InputError(
                f"autocast as None or one of {', '.join(_AUTOCAST)}",
                repr(self.autocast),
                "name the type in which the model may compute",
            )
        if self._first_weight() is None:
            raise InputError(
                "autocast for a torch.nn.Module with weights, which tell its device",
                type(self.model).__name__,
                "call torch.autocast inside the callable",
            )

    def _first_weight(self) -> Tensor | None:
        if not isinstance(self.model, nn.Module):
            return None
        return next(chain(self.model.parameters(), self.model.buffers()), None)
