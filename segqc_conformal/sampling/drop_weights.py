"""Monte Carlo drop-weights: several passes, each with some weights set to zero."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, cast

import torch
from numpy.typing import ArrayLike
from torch import Tensor, nn

from segqc_conformal.errors import SamplingError
from segqc_conformal.patients import stable_hash
from segqc_conformal.sampling.channels import Channels
from segqc_conformal.sampling.differing_samples import differing_samples
from segqc_conformal.sampling.droppable_weights import droppable_weights
from segqc_conformal.sampling.predictor import Predictor
from segqc_conformal.sampling.random_state import seed_torch
from segqc_conformal.sampling.sampler import required_predictor
from segqc_conformal.sampling.undisturbed import undisturbed

__all__ = ["DropWeights"]


@dataclass(frozen=True)
class DropWeights:
    """Yield passes in which each weight of convolution and linear layers is dropped at random.

    Parameters
    ----------
    rates : sequence of float
        Probabilities that a weight is dropped, in (0, 1); sample s has rate
        ``rates[s % len(rates)]``.
    samples : int
        Number of passes, at least 2 and at least one of each rate.
    seed : int
        Sample s depends on (seed, s) and its rate alone.

    Raises
    ------
    SamplingError
        For other rates or fewer samples; when used: for a model without such layers (plain
        callables, exported programs), one whose weights cannot be replaced (see
        `droppable_weights`), and if all samples are identical.

    Notes
    -----
    Guarantee: same seed, same samples, bit for bit on one device; weights are never written to.
    Weights that stay are divided by ``1 - rate``, so that their mean is the model's. Biases and
    normalisation stay. Models trained with drop-weights or dropout bear more than others: rates
    at which the masks fall apart say nothing. Source: Ghoshal et al. 2020 (MC-DropWeights).

    Examples
    --------
    >>> DropWeights(rates=(0.1,), samples=5).sampler_id
    'DropWeights(rates=(0.1,), samples=5, seed=0)'
    """

    rates: Sequence[float] = (0.02, 0.05, 0.1)
    samples: int = 21
    seed: int = 0

    def __post_init__(self) -> None:
        """Refuse what drops nothing, drops everything, or cannot disagree."""
        rates = tuple(float(rate) for rate in self.rates)
        object.__setattr__(self, "rates", rates)
        if not rates or not all(0.0 < rate < 1.0 for rate in rates):
            raise SamplingError("rates in (0, 1)", rates, "use SinglePass to drop nothing")
        if self.samples < max(2, len(rates)):
            raise SamplingError(
                f"at least {max(2, len(rates))} samples",
                self.samples,
                "draw at least one sample of each rate, and two in all",
            )

    @property
    def sampler_id(self) -> str:
        """Name and settings."""
        return f"DropWeights(rates={self.rates}, samples={self.samples}, seed={self.seed})"

    def model_id(self, predictor: Predictor | None) -> str:
        """Return the predictor's identity; refuse a model whose weights cannot be dropped."""
        predictor = required_predictor(predictor, self.sampler_id)
        droppable_weights(predictor.model)
        return predictor.model_id

    def channels(self, predictor: Predictor | None) -> Channels:
        """Return what the channels of the samples mean: what the predictor's activation says."""
        return required_predictor(predictor, self.sampler_id).channels

    def __call__(
        self, predictor: Predictor | None, image: ArrayLike | Tensor, *, case_id: str | None = None
    ) -> Iterator[Tensor]:
        """Yield `samples` probability maps of one image, shape ``(classes, *spatial)``."""
        self.model_id(predictor)
        passes = self._passes(required_predictor(predictor, self.sampler_id), image)
        remedy = "the layers do not reach the output: use another sampler"
        return differing_samples(passes, remedy, case_id)

    def _passes(self, predictor: Predictor, image: ArrayLike | Tensor) -> Iterator[Tensor]:
        model = cast(nn.Module, predictor.model)
        weights = droppable_weights(model)
        for number in range(self.samples):
            with undisturbed(model):
                dropped = {
                    name: self._dropped(weight, number, name) for name, weight in weights.items()
                }

                def network(batch: Tensor, dropped: dict[str, Tensor] = dropped) -> Any:
                    return torch.func.functional_call(model, dropped, batch)

                # For models that draw random numbers of their own in evaluation mode too.
                seed_torch(self._seed(number, ""))
                (sample,) = predictor.on_batch([image], network)
            yield sample

    def _dropped(self, weight: Tensor, number: int, name: str) -> Tensor:
        kept = 1.0 - self.rates[number % len(self.rates)]
        generator = torch.Generator(weight.device).manual_seed(self._seed(number, name))
        mask = torch.empty_like(weight).bernoulli_(kept, generator=generator)
        return mask.mul_(weight).div_(kept)

    def _seed(self, number: int, name: str) -> int:
        return stable_hash(self.seed, f"sample {number} {name}") >> 1
