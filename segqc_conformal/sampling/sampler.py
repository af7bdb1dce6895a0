"""What every sampler offers: the whole contract between stage 1 and the rest."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Protocol

from numpy.typing import ArrayLike
from torch import Tensor

from segqc_conformal.errors import SamplingError
from segqc_conformal.sampling.channels import Channels
from segqc_conformal.sampling.predictor import Predictor

__all__ = ["Sampler", "no_predictor", "required_predictor"]


class Sampler(Protocol):
    """Yields the samples of one image, one at a time, leaving the model as found."""

    @property
    def sampler_id(self) -> str:
        """Name and settings; equal for samplers whose samples mean the same."""
        ...

    def model_id(self, predictor: Predictor | None) -> str:
        """Return the model's identity, or refuse a model this sampler cannot work with."""
        ...

    def channels(self, predictor: Predictor | None) -> Channels:
        """Return what the channels of the samples mean."""
        ...

    def __call__(
        self, predictor: Predictor | None, image: ArrayLike | Tensor, *, case_id: str | None = None
    ) -> Iterator[Tensor]:
        """Yield samples ``(classes, *spatial)`` of an image ``(channels, *spatial)``."""
        ...


def required_predictor(predictor: Predictor | None, sampler_id: str) -> Predictor:
    """Return the predictor, or say that this sampler needs one.

    Raises
    ------
    SamplingError
        If `predictor` is None.

    Examples
    --------
    >>> required_predictor(Predictor(abs, model_id="abs"), "SinglePass").model_id
    'abs'
    """
    if not isinstance(predictor, Predictor):
        raise SamplingError(
            f"a Predictor for {sampler_id}",
            type(predictor).__name__,
            "wrap the model: Predictor(model, activation=...)",
        )
    return predictor


def no_predictor(predictor: Predictor | None, sampler_id: str) -> None:
    """Refuse a predictor where the sampler brings its own, rather than ignore it silently.

    Raises
    ------
    SamplingError
        If `predictor` is not None.

    Examples
    --------
    >>> no_predictor(None, "DeepEnsemble")
    """
    if predictor is not None:
        raise SamplingError(
            f"predictor=None for {sampler_id}",
            repr(predictor),
            "pass None: this sampler does not run another model",
        )
