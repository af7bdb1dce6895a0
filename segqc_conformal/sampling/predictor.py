"""The predictor: a deployed model, from an image to probabilities on the image's own grid."""

from __future__ import annotations

from collections.abc import Callable
from itertools import chain
from typing import Any

import numpy as np
import torch
from numpy.typing import ArrayLike
from torch import Tensor, nn

from segqc_conformal.errors import InputError
from segqc_conformal.sampling.activation import check_activation, to_probabilities
from segqc_conformal.sampling.model_identity import weights_identity
from segqc_conformal.sampling.probability_check import check_probabilities

__all__ = ["Predictor"]


class Predictor:
    """A deployed model with everything needed to get probabilities for an image.

    Parameters
    ----------
    model : torch.nn.Module or callable
        Maps ``(1, channels', *spatial')`` to ``(1, classes, *spatial')``. A module runs on the
        device, and in the floating-point type, of its own weights.
    activation : {"softmax", "sigmoid", "none", "evidence"}
        What turns the model's output into probabilities. "sigmoid" with one channel is a binary
        structure, with several it is overlapping regions; "evidence" >= 0 becomes the mean of its
        Dirichlet distribution.
    preprocess : callable, optional
        ``(channels, *spatial) -> (channels', *spatial')``.
    invert : callable, optional
        ``(probabilities (classes, *spatial'), image (channels, *spatial)) -> (classes, *spatial)``;
        needed wherever `preprocess` changes the grid.
    inferer : callable, optional
        Any MONAI inferer: called as ``inferer(inputs, network)``.
    model_id : str, optional
        Identity of the model. Default: a hash of the weights; required for a plain callable.

    Raises
    ------
    InputError
        For an unknown activation, or a callable or weightless model without `model_id`.

    Notes
    -----
    Guarantee: none. The call runs the model with its training flags as they stand; samplers set
    and restore them.

    Examples
    --------
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
        self.model_id = model_id or weights_identity(model)  # type: ignore[arg-type]

    def __repr__(self) -> str:
        """Name the model's class, the activation and the identity."""
        name = type(self.model).__name__
        return f"Predictor({name}, activation={self.activation!r}, model_id={self.model_id!r})"

    @property
    def overlapping(self) -> bool:
        """Whether several channels would be overlapping regions, not exclusive classes."""
        return self.activation == "sigmoid"

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
        with torch.no_grad():
            tensor = self._as_tensor(image)
            prepared = tensor if self.preprocess is None else self.preprocess(tensor)
            output = self._run(_plain(prepared, "preprocess"))
            probabilities = to_probabilities(output, self.activation)
            if self.invert is not None:
                probabilities = _plain(self.invert(probabilities, tensor), "invert").float()
        return check_probabilities(
            probabilities, tuple(tensor.shape[1:]), exclusive=not self.overlapping
        )

    def _as_tensor(self, image: ArrayLike | Tensor) -> Tensor:
        if not isinstance(image, Tensor):
            # numpy converts what torch cannot read: big-endian, uint16, negative strides.
            image = torch.from_numpy(np.array(image, dtype=np.float32, order="C"))
        if image.ndim < 2:
            raise InputError(
                "an image of shape (channels, *spatial)",
                tuple(image.shape),
                "add the channels axis: image[None]",
            )
        return _plain(image, "image").detach().to(self.device, torch.float32)

    def _run(self, prepared: Tensor) -> Tensor:
        weight = self._first_weight()
        batch = prepared[None].to(self.device)
        if weight is not None and weight.is_floating_point():
            batch = batch.to(weight.dtype)
        raw = self.model(batch) if self.inferer is None else self.inferer(batch, self.model)
        output = torch.from_numpy(raw) if isinstance(raw, np.ndarray) else raw
        if not isinstance(output, Tensor) or output.ndim < 3 or output.shape[0] != 1:
            shape = tuple(output.shape) if isinstance(output, Tensor) else type(raw).__name__
            raise InputError(
                "a model output of shape (1, classes, *spatial)",
                shape,
                "wrap the model so that it returns the final output only, with its batch axis",
            )
        return _plain(output, "model")[0]

    def _first_weight(self) -> Tensor | None:
        if not isinstance(self.model, nn.Module):
            return None
        return next(chain(self.model.parameters(), self.model.buffers()), None)


def _plain(value: Any, source: str) -> Tensor:
    if not isinstance(value, Tensor):
        raise InputError(
            f"a tensor from {source}", type(value).__name__, f"return a torch.Tensor from {source}"
        )
    # Tensor subclasses (MONAI's MetaTensor) carry state along that samples must not share.
    return value.as_subclass(Tensor) if type(value) is not Tensor else value
