"""Monte Carlo dropout: several passes with only the dropout layers active."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from numpy.typing import ArrayLike
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm
from torch.nn.modules.dropout import _DropoutNd

from segqc_conformal.errors import SamplingError
from segqc_conformal.patients import stable_hash
from segqc_conformal.sampling.channels import Channels
from segqc_conformal.sampling.differing_samples import differing_samples
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
        Same seed, same samples.
    batch : int
        How many passes run as one forward batch, >= 1: faster on a GPU, for that many times the
        memory. Each pass of a batch has its own dropout masks.

    Raises
    ------
    SamplingError
        On fewer than two samples or a batch below 1; when used: for a model without an active
        dropout layer (many MONAI networks have none unless ``dropout=`` is given), for a batch
        above 1 of a model whose batch normalisation has no running statistics (passes would mix),
        and if all samples are identical.

    Notes
    -----
    Guarantee: same seed and batch size, same samples, bit for bit on one device, whatever ran
    before. Another batch size is another random stream. With ``batch=1`` sample s depends on
    (seed, s) alone, so more samples begin with the fewer. Batch normalisation stays in evaluation
    mode. Source: Gal and Ghahramani, ICML 2016.

    Examples
    --------
    >>> MCDropout(samples=5).sampler_id
    'MCDropout(samples=5, seed=0)'
    """

    samples: int = 20
    seed: int = 0
    batch: int = 1

    def __post_init__(self) -> None:
        """Refuse what cannot disagree, or cannot be run."""
        if self.samples < 2:
            raise SamplingError("at least 2 samples", self.samples, "use SinglePass for one")
        if self.batch < 1:
            raise SamplingError("a batch of at least 1", self.batch, "use batch=1")

    @property
    def sampler_id(self) -> str:
        """Name and settings."""
        batch = "" if self.batch == 1 else f", batch={self.batch}"
        return f"MCDropout(samples={self.samples}, seed={self.seed}{batch})"

    def model_id(self, predictor: Predictor | None) -> str:
        """Return the predictor's identity; refuse a model without an active dropout layer."""
        predictor = required_predictor(predictor, self.sampler_id)
        if not active_dropout_layers(predictor.model):
            raise SamplingError(
                "a model with at least one active dropout layer (p > 0)",
                f"{type(predictor.model).__name__} with none",
                "train it with dropout, or use DeepEnsemble or SinglePass; calls of "
                "torch.nn.functional.dropout, exported programs, TorchScript and ONNX cannot be "
                "switched on",
            )
        if self.batch > 1 and _mixes_batch(predictor.model):
            raise SamplingError(
                f"a model whose passes do not mix in a batch of {self.batch}",
                f"{type(predictor.model).__name__} with batch normalisation of the batch itself",
                "use batch=1",
            )
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
        remedy = "the dropout layers do not reach the output: use another sampler"
        return differing_samples(passes, remedy, case_id)

    def _passes(self, predictor: Predictor, image: ArrayLike | Tensor) -> Iterator[Tensor]:
        for start in range(0, self.samples, self.batch):
            images = [image] * min(self.batch, self.samples - start)
            # Left before each yield, so that nothing leaks to the caller between two samples.
            with undisturbed(predictor.model):
                for layer in active_dropout_layers(predictor.model):
                    layer.training = True
                seed_torch(stable_hash(self.seed, f"sample {start}") >> 1)
                samples = predictor.on_batch(images)
            yield from samples


def _mixes_batch(model: object) -> bool:
    modules = model.modules() if isinstance(model, nn.Module) else ()
    return any(isinstance(part, _BatchNorm) and part.running_mean is None for part in modules)
