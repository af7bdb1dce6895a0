"""Row 9 (Wang et al. 2018): samples from augmented images, brought back, and their volumes."""

from dataclasses import dataclass

import numpy as np
import pytest
import torch
from disc_segmenter import disc_image, trained
from literature_row import LiteratureRow

import segqc_conformal as sq

ROW = LiteratureRow(
    system="Aleatoric uncertainty by test-time augmentation",
    paper="Wang et al. (2018)",
    signal="entropy of predictions augmented and brought back, and VVC, the variation coefficient "
    "of their volumes",
    names=(
        "sampling.tta.TestTimeAugmentation",
        "sampling.spatial_augmentations.Flip",
        "sampling.spatial_augmentations.Rotate90",
        "measures.agreement.agreement",
    ),
    asserted="flips and right angles come back bit for bit; where a model's volumes are known by "
    "construction VVC is their standard deviation over their mean; dropout samples go inside",
)
TURNS = [
    sq.Flip((0,)),
    sq.Flip((1,)),
    sq.Flip((0, 1)),
    *(sq.Rotate90(turns) for turns in (1, 2, 3)),
]
IMAGE = torch.rand(1, 6, 9, generator=torch.Generator().manual_seed(0))
VOLUMES = (12, 4, 6)  # of the left, right and upper part of a plate, below


def pixelwise(images: torch.Tensor) -> torch.Tensor:
    """Call each pixel by its own intensity: the same whichever way the image lies."""
    return torch.cat([1.0 - images, images], dim=1)


def left_half(images: torch.Tensor) -> torch.Tensor:
    """See bright pixels in the left half of what it is shown, and miss all others."""
    seen = (images > 0.5) & (torch.arange(images.shape[-1]) < images.shape[-1] // 2)
    return torch.cat([1.0 - seen.float(), seen.float()], dim=1)


@dataclass(frozen=True)
class NotUndone:
    """An augmentation that forgets to bring the probabilities back."""

    inner: sq.Flip

    def augment(self, image: torch.Tensor, seed: int) -> torch.Tensor:
        return self.inner.augment(image, seed)

    def restore(self, probabilities: torch.Tensor, seed: int) -> torch.Tensor:
        return probabilities


def samples(model: object, image: torch.Tensor, *augmentations: object) -> list[torch.Tensor]:
    predictor = sq.Predictor(model, activation="none", model_id="given")
    return list(sq.TestTimeAugmentation(augmentations)(predictor, image))


def plate() -> torch.Tensor:
    """Return an 8 x 8 image with 12 bright pixels on the left, 4 on the right; 6 in the upper."""
    image = torch.zeros(1, 8, 8)
    image[0, 0, 1:4] = image[0, 2, :3] = image[0, 5:, 1:3] = 1.0
    image[0, 5:7, 4:6] = 1.0
    return image


def vvc(masks: list[torch.Tensor]) -> float:
    accumulator = sq.UncertaintyAccumulator({"bright": 1})
    for sample in masks:
        accumulator.update(sample)
    return accumulator.features()["bright"]["volume_cv"]


def test_row_09_flips_and_right_angles_come_back_exactly() -> None:
    for sample in samples(pixelwise, IMAGE, *TURNS):
        assert torch.equal(sample, pixelwise(IMAGE[None])[0])


def test_row_09_twin_predictions_that_are_not_brought_back_are_not_the_images() -> None:
    sample = samples(pixelwise, IMAGE, NotUndone(sq.Flip((1,))))[1]
    assert not torch.equal(sample, pixelwise(IMAGE[None])[0])


def test_row_09_vvc_is_that_of_volumes_known_by_construction() -> None:
    found = samples(left_half, plate(), sq.Flip((1,)), sq.Rotate90(1))
    assert [int(sample[1].sum()) for sample in found] == list(VOLUMES)
    assert vvc(found) == pytest.approx(np.std(VOLUMES, ddof=1) / np.mean(VOLUMES), abs=1e-6)


def test_row_09_vvc_is_no_spread_of_voxels() -> None:
    shuffled = [each[:, torch.randperm(8)] for each in samples(left_half, plate(), sq.Flip((1,)))]
    assert vvc(shuffled) == pytest.approx(np.std([12, 4], ddof=1) / 8.0, abs=1e-6)
    assert vvc(samples(pixelwise, plate(), *TURNS)) == 0.0


def test_row_09_the_votes_of_the_samples_are_fused_and_the_entropy_is_of_their_mean() -> None:
    accumulator = sq.UncertaintyAccumulator({"bright": 1}, schema=sq.FeatureSchema("full"))
    found = samples(left_half, plate(), sq.Flip((1,)), sq.Flip((0,)))  # left, right, left
    for sample in found:
        accumulator.update(sample)
    assert np.array_equal(accumulator.fused_mask(), found[0][1].numpy())
    assert accumulator.features()["bright"]["majority_dice"] == 1.0
    entropy = accumulator.maps()["predictive_entropy"]
    one_of_three = np.log(3.0) - 2.0 / 3.0 * np.log(2.0)
    bright = plate()[0].numpy() > 0
    assert entropy[bright] == pytest.approx(one_of_three, abs=1e-6)
    assert entropy[~bright] == pytest.approx(0.0, abs=1e-6)


def test_row_09_dropout_inside_adds_its_own_spread() -> None:
    image = torch.tensor(disc_image(np.random.default_rng(3), 0.8)[0])
    model = trained(0, dropout=0.2)
    spread = []
    for inner in (sq.SinglePass(), sq.MCDropout(samples=4)):
        drawn = list(sq.TestTimeAugmentation(TURNS, inner=inner)(model, image))
        assert len(drawn) == (len(TURNS) + 1) * getattr(inner, "samples", 1)
        spread.append(float(torch.stack(drawn).var(dim=0).mean()))
    assert spread[1] > spread[0] > 0.0
