"""Masks as models get them wrong: half-trained ones, and good ones on spoilt images."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from segqc_conformal.case import Case, in_structure
from segqc_conformal.corruption.morphing import morphed
from segqc_conformal.corruption.reference_masks import Kind, MaskPath, Masks, ReferenceMasks
from segqc_conformal.dice import dice
from segqc_conformal.errors import InputError

if TYPE_CHECKING:
    from segqc_conformal.sampling.augmentations import Augmentation
    from segqc_conformal.sampling.predictor import Predictor
    from segqc_conformal.sampling.sampler import Sampler

__all__ = ["augmented_images", "half_trained"]


def half_trained(checkpoints: Sequence[Predictor]) -> Kind:
    """Make a kind of corruption from the masks of half-trained models.

    Parameters
    ----------
    checkpoints : sequence of Predictor
        At least one; in any order.

    Returns
    -------
    Kind
        Its path goes from the reference mask through the masks of the checkpoints, the best one
        first, and morphs each into the next.

    Raises
    ------
    InputError
        Without any checkpoint.

    Notes
    -----
    Guarantee: none. At strength 1 it is the mask of the worst checkpoint.
    """
    from segqc_conformal.sampling.single_pass import SinglePass

    if not checkpoints:
        raise InputError("at least one checkpoint", "none", "give half-trained Predictors")
    return _through(lambda rng: [(SinglePass(), predictor) for predictor in checkpoints])


def augmented_images(
    predictor: Predictor, augmentations: Sequence[Augmentation] | None = None
) -> Kind:
    """Make a kind of corruption from a model's masks of heavily augmented images.

    Parameters
    ----------
    predictor : Predictor
    augmentations : sequence of Augmentation, optional
        As `TestTimeAugmentation` takes them; what moves the image is moved back in the mask. None:
        noise of 0.5, 1, 2 and 4 standard deviations, and strong changes of contrast.

    Returns
    -------
    Kind
        Its path goes from the reference mask through the masks of the augmented images, the best
        one first, and morphs each into the next.

    Notes
    -----
    Guarantee: none. At strength 1 it is the worst of these masks. The masks belong to the image as
    it is, not to the augmented ones.
    """
    from segqc_conformal.sampling.intensity_augmentations import Intensity, Noise
    from segqc_conformal.sampling.tta import TestTimeAugmentation

    if augmentations is None:
        noises = [Noise(share) for share in (0.5, 1.0, 2.0, 4.0)]
        augmentations = [*noises, Intensity(scale=0.8, shift=1.0, gamma=1.5)]

    def runs(rng: np.random.Generator) -> list[tuple[Sampler, Predictor]]:
        seed = int(rng.integers(2**32))
        return [(TestTimeAugmentation(augmentations, seed=seed, original=False), predictor)]

    return _through(runs)


def _through(
    runs: Callable[[np.random.Generator], Sequence[tuple[Sampler, Predictor]]],
) -> Kind:
    def kind(reference: ReferenceMasks, rng: np.random.Generator) -> MaskPath:
        case = reference.case
        if case is None:
            raise InputError(
                "reference masks of a case", "masks alone", "give the case: a model needs its image"
            )
        axes = len(case.spatial_shape)
        found = [
            np.stack([in_structure(mask, label, axes) for label in reference.labels])
            for sampler, predictor in runs(rng)
            for mask in _masks(sampler, predictor, case, max(reference.labels))
        ]
        best_first = sorted(found, key=lambda masks: -_mean_dice(masks, reference.masks))
        return morphed([reference.masks, *best_first], reference.spacing_mm, rng)

    return kind


def _masks(
    sampler: Sampler, predictor: Predictor, case: Case, labels: int
) -> Iterator[NDArray[np.int64]]:
    from segqc_conformal.uncertainty.accumulator import UncertaintyAccumulator

    structures = {str(label): label for label in range(1, labels + 1)}
    for sample in sampler(predictor, case.channels_first(), case_id=case.case_id):
        one = UncertaintyAccumulator(structures, case.spacing, channels=sampler.channels(predictor))
        one.update(sample)
        yield one.fused_mask()


def _mean_dice(masks: Masks, reference: Masks) -> float:
    return float(np.mean([dice(*pair) for pair in zip(masks, reference, strict=True)]))
