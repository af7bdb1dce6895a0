"""Test-time augmentation: one image seen in several ways, each undone on the probabilities."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, is_dataclass

from numpy.typing import ArrayLike
from torch import Tensor

from segqc_conformal.errors import SamplingError
from segqc_conformal.patients import stable_hash
from segqc_conformal.sampling.augmentations import Augmentation, default_augmentations
from segqc_conformal.sampling.channels import Channels
from segqc_conformal.sampling.image_tensor import image_tensor
from segqc_conformal.sampling.predictor import Predictor
from segqc_conformal.sampling.probability_check import check_probabilities
from segqc_conformal.sampling.sampler import Sampler
from segqc_conformal.sampling.single_pass import SinglePass
from segqc_conformal.sampling.stored_samples import StoredSamples
from segqc_conformal.sampling.undisturbed import undisturbed

__all__ = ["TestTimeAugmentation"]


@dataclass(frozen=True)
class TestTimeAugmentation:
    """Yield the samples of another sampler for the image itself, then for each augmentation.

    Parameters
    ----------
    augmentations : sequence of Augmentation, optional
        None: `default_augmentations` of the image's dimension.
    inner : Sampler
        Run once for the image and once per augmentation, each time from its own seed: MCDropout,
        DropWeights, DeepEnsemble or SinglePass.
    seed : int
        Augmentation k of the list is drawn from (seed, k).
    original : bool
        Whether the image as it is comes first.

    Raises
    ------
    SamplingError
        Without any augmentation; for one that is no dataclass, as its settings could not be named;
        for stored samples or evidence, which augmentation cannot reach; and where `inner` refuses.
    InputError
        When used: if an augmentation does not fit the image's dimension.
    GeometryError
        When used: if an augmentation does not bring the probabilities back to the image's grid.

    Notes
    -----
    Guarantee: same seed, same samples, bit for bit on one device. Augmentations are done before
    the predictor's ``preprocess`` and undone after its ``invert``; flips and right angles are
    exact. Source: Wang et al., Neurocomputing 2019.

    Examples
    --------
    >>> TestTimeAugmentation().sampler_id
    'TestTimeAugmentation(augmentations=default, inner=SinglePass, seed=0)'
    """

    __test__ = False  # pytest takes classes of this name for tests

    augmentations: Sequence[Augmentation] | None = None
    inner: Sampler = field(default_factory=SinglePass)
    seed: int = 0
    original: bool = True

    def __post_init__(self) -> None:
        """Refuse what cannot be augmented, undone or named."""
        if isinstance(self.inner, StoredSamples):
            raise SamplingError(
                "an inner sampler that runs a model",
                self.inner.sampler_id,
                "save the samples of TestTimeAugmentation themselves",
            )
        if self.augmentations is None:
            return
        object.__setattr__(self, "augmentations", tuple(self.augmentations))
        if not self.augmentations or not all(is_dataclass(each) for each in self.augmentations):
            raise SamplingError(
                "at least one augmentation, each a frozen dataclass",
                self.augmentations,
                "use SinglePass for the image alone; a dataclass names its settings",
            )

    @property
    def sampler_id(self) -> str:
        """Name and settings, with those of the inner sampler."""
        named = "default" if self.augmentations is None else repr(self.augmentations)
        original = "" if self.original else ", original=False"
        return (
            f"TestTimeAugmentation(augmentations={named}, inner={self.inner.sampler_id}, "
            f"seed={self.seed}{original})"
        )

    def model_id(self, predictor: Predictor | None) -> str:
        """Return the inner sampler's model identity; refuse evidence."""
        self.channels(predictor)
        return self.inner.model_id(predictor)

    def channels(self, predictor: Predictor | None) -> Channels:
        """Return what the channels of the samples mean: what the inner sampler says."""
        channels = self.inner.channels(predictor)
        if channels == "evidence":
            raise SamplingError(
                "an inner sampler of probabilities",
                self.inner.sampler_id,
                "use SinglePass: an evidential model's probabilities can be augmented",
            )
        return channels

    def __call__(
        self, predictor: Predictor | None, image: ArrayLike | Tensor, *, case_id: str | None = None
    ) -> Iterator[Tensor]:
        """Yield probabilities on the image's own grid, shape ``(classes, *spatial)``."""
        self.model_id(predictor)
        tensor = image_tensor(image, None if predictor is None else predictor.device)
        if self.original:
            yield from self.inner(predictor, tensor, case_id=case_id)
        chosen = self.augmentations
        if chosen is None:
            chosen = default_augmentations(tensor.ndim - 1)
        for number, augmentation in enumerate(chosen):
            seed = stable_hash(self.seed, f"augmentation {number}") >> 1
            yield from self._augmented(augmentation, seed, predictor, tensor, case_id)

    def _augmented(
        self,
        augmentation: Augmentation,
        seed: int,
        predictor: Predictor | None,
        image: Tensor,
        case_id: str | None,
    ) -> Iterator[Tensor]:
        exclusive = self.channels(predictor) == "exclusive"
        with undisturbed(augmentation):
            augmented = augmentation.augment(image, seed).contiguous()
        for sample in self.inner(predictor, augmented, case_id=case_id):
            with undisturbed(augmentation):
                restored = augmentation.restore(sample, seed).contiguous()
            yield check_probabilities(
                restored, tuple(image.shape[1:]), exclusive=exclusive, case_id=case_id
            )
