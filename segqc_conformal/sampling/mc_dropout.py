"""Monte Carlo dropout: several passes with only the dropout layers active."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import torch
from numpy.typing import ArrayLike
from torch import Tensor, nn
from torch.nn.modules.dropout import _DropoutNd

from segqc_conformal.errors import SamplingError
from segqc_conformal.patients import stable_hash
from segqc_conformal.sampling.predictor import Predictor
from segqc_conformal.sampling.random_state import seed_torch
from segqc_conformal.sampling.sampler import required_predictor
from segqc_conformal.sampling.undisturbed import undisturbed

__all__ = ["MCDropout", "active_dropout_layers"]


def active_dropout_layers(model: object) -> list[nn.Module]:
    """Return the dropout layers of a model that would drop anything (p > 0).

    Examples
    --------
    >>> len(active_dropout_layers(nn.Sequential(nn.Dropout(0.2), nn.Dropout3d(0.0))))
    1
    """
    modules = model.modules() if isinstance(model, nn.Module) else ()
    return [module for module in modules if isinstance(module, _DropoutNd) and module.p > 0]


@dataclass(frozen=True)
class MCDropout:
    """Yield passes with the dropout layers on and everything else in evaluation mode.

    Parameters
    ----------
    samples : int
        Number of passes, >= 2.
    seed : int
        Sample s is seeded by (seed, s) alone, so the same image gives the same samples, whatever
        ran before.

    Raises
    ------
    SamplingError
        On fewer than two samples; when used: for a model without an active dropout layer (many
        MONAI networks have none unless ``dropout=`` is given), and if all samples are identical.

    Notes
    -----
    Guarantee: same seed, same samples, bit for bit on one device. Batch normalisation stays in
    evaluation mode. Source: Gal and Ghahramani, ICML 2016.

    Examples
    --------
    >>> MCDropout(samples=5).sampler_id
    'MCDropout(samples=5, seed=0)'
    """

    samples: int = 20
    seed: int = 0

    def __post_init__(self) -> None:
        """Refuse what cannot disagree."""
        if self.samples < 2:
            raise SamplingError("at least 2 samples", self.samples, "use SinglePass for one")

    @property
    def sampler_id(self) -> str:
        """Name and settings."""
        return f"MCDropout(samples={self.samples}, seed={self.seed})"

    def model_id(self, predictor: Predictor | None) -> str:
        """Return the predictor's identity; refuse a model without an active dropout layer."""
        predictor = required_predictor(predictor, self.sampler_id)
        if not active_dropout_layers(predictor.model):
            raise SamplingError(
                "a model with at least one active dropout layer (p > 0)",
                f"{type(predictor.model).__name__} with none",
                "train it with dropout, or use DeepEnsemble or SinglePass; calls of "
                "torch.nn.functional.dropout and exported programs cannot be switched on",
            )
        return predictor.model_id

    def __call__(
        self, predictor: Predictor | None, image: ArrayLike | Tensor, *, case_id: str | None = None
    ) -> Iterator[Tensor]:
        """Yield `samples` probability maps of one image, shape ``(classes, *spatial)``."""
        self.model_id(predictor)
        predictor = required_predictor(predictor, self.sampler_id)
        first: Tensor | None = None
        differ = False
        for number in range(self.samples):
            # Left before each yield, so that nothing leaks to the caller between two samples.
            with undisturbed(predictor.model):
                for layer in active_dropout_layers(predictor.model):
                    layer.training = True
                seed_torch(stable_hash(self.seed, f"sample {number}") >> 1)
                sample = predictor(image)
            if first is None:
                first = sample.clone()
            elif not differ:
                differ = not torch.equal(first, sample)
            yield sample
        if not differ:
            raise SamplingError(
                "samples that differ",
                f"{self.samples} identical samples",
                "the dropout layers do not reach the output: use another sampler",
                case_id,
            )
