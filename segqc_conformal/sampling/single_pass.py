"""One deterministic pass of the deployed model."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from numpy.typing import ArrayLike
from torch import Tensor

from segqc_conformal.sampling.channels import Channels
from segqc_conformal.sampling.predictor import Predictor
from segqc_conformal.sampling.sampler import required_predictor
from segqc_conformal.sampling.undisturbed import undisturbed

__all__ = ["SinglePass"]


@dataclass(frozen=True)
class SinglePass:
    """Yield one sample: the model in evaluation mode.

    Notes
    -----
    Guarantee: none. With one sample nothing disagrees: agreement features are constant and only
    the probabilities themselves inform.

    Examples
    --------
    >>> import numpy as np
    >>> predictor = Predictor(lambda batch: batch, model_id="identity")
    >>> [sample[0].item() for sample in SinglePass()(predictor, np.zeros((2, 1)))]
    [0.5]
    """

    @property
    def sampler_id(self) -> str:
        """Name of this sampler."""
        return "SinglePass"

    def model_id(self, predictor: Predictor | None) -> str:
        """Return the predictor's identity."""
        return required_predictor(predictor, self.sampler_id).model_id

    def channels(self, predictor: Predictor | None) -> Channels:
        """Return what the channels of the sample mean: what the predictor's activation says."""
        return required_predictor(predictor, self.sampler_id).channels

    def __call__(
        self, predictor: Predictor | None, image: ArrayLike | Tensor, *, case_id: str | None = None
    ) -> Iterator[Tensor]:
        """Yield the probabilities of one image, shape ``(classes, *spatial)``."""
        predictor = required_predictor(predictor, self.sampler_id)
        with undisturbed(predictor.model):
            sample = predictor(image)
        yield sample
