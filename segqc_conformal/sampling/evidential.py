"""Evidence of an evidential model: one pass, closed forms instead of sampling."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from numpy.typing import ArrayLike
from torch import Tensor

from segqc_conformal.errors import SamplingError
from segqc_conformal.sampling.channels import Channels
from segqc_conformal.sampling.predictor import Predictor
from segqc_conformal.sampling.sampler import required_predictor
from segqc_conformal.sampling.undisturbed import undisturbed

__all__ = ["Evidential"]


@dataclass(frozen=True)
class Evidential:
    """Yield the evidence of one pass of an evidential model, in evaluation mode.

    Raises
    ------
    SamplingError
        When used: for a predictor whose activation is none of evidence.

    Notes
    -----
    Guarantee: none. Evidence means something only in a model trained with an evidential loss;
    softmax logits are none. Source: Sensoy et al., NeurIPS 2018; Zou et al. (DEviS), 2025.

    Examples
    --------
    >>> import numpy as np
    >>> predictor = Predictor(lambda batch: batch, activation="relu", model_id="identity")
    >>> [e[:, 0].tolist() for e in Evidential()(predictor, np.array([[-1.0], [3.0]]))]
    [[0.0, 3.0]]
    """

    @property
    def sampler_id(self) -> str:
        """Name of this sampler."""
        return "Evidential"

    def model_id(self, predictor: Predictor | None) -> str:
        """Return the predictor's identity; refuse one that gives no evidence."""
        predictor = required_predictor(predictor, self.sampler_id)
        if not predictor.evidential:
            raise SamplingError(
                "a Predictor whose model gives evidence",
                repr(predictor),
                "use SinglePass; a model trained with an evidential loss: "
                "Predictor(activation='softplus')",
            )
        return predictor.model_id

    def channels(self, predictor: Predictor | None) -> Channels:
        """Return what the channels of the sample mean."""
        return "evidence"

    def __call__(
        self, predictor: Predictor | None, image: ArrayLike | Tensor, *, case_id: str | None = None
    ) -> Iterator[Tensor]:
        """Yield the evidence of one image, shape ``(classes, *spatial)``."""
        self.model_id(predictor)
        predictor = required_predictor(predictor, self.sampler_id)
        with undisturbed(predictor.model):
            sample = predictor.evidence(image)
        yield sample
