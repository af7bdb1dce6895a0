"""Row 28 (Lei et al. 2022): a discriminator tells masks as good as an expert's from others."""

from dataclasses import replace
from functools import cache

import numpy as np
import pytest
import torch
from literature_row import LiteratureRow
from net_cases import area_under_roc, discs, shuffled_masks, skill, tiny_net, true_dice

import segqc_conformal as sq
from segqc_conformal.quality.net import GoodHead, QualityCase

ROW = LiteratureRow(
    system="ASE-Net",
    paper="Lei et al. (2022)",
    signal="probability that a mask is as good as an expert's, and the consistency of two "
    "perturbed passes",
    names=(
        "quality.net.QualityNet",
        "quality.net.GoodHead",
        "sampling.tta.TestTimeAugmentation",
        "uncertainty.accumulator.UncertaintyAccumulator",
    ),
    asserted="experts' and nearly as good masks of new images are told from bad ones; divergence "
    "and squared difference of two passes vanish where a model ignores the perturbation, and have "
    "the values of distributions set by hand where it does not",
    out_of_scope="training with a mean teacher and discriminators (semi-supervised learning): a "
    "package around a deployed model trains no segmentation, it takes both signals as quality.",
)


def half_by_experts(cases: list[QualityCase]) -> list[QualityCase]:
    """Judge the reference itself in every second case."""
    return [
        replace(case, image=case.image[0], mask=case.reference) if place % 2 else case
        for place, case in enumerate(cases)
    ]


NEW = half_by_experts(discs(80, 2))


@cache
def chances(shuffled: bool = False) -> np.ndarray:
    cases = half_by_experts(discs(120, 1))
    if shuffled:
        cases = shuffled_masks([replace(case, image=case.image[0]) for case in cases])
    fitted = tiny_net(heads=(GoodHead(0.7),), epochs=16).fit(cases)
    return np.array([fitted.predict(case).features["disc"]["good"] for case in NEW])


def test_row_28_experts_and_nearly_as_good_masks_are_told_from_bad_ones() -> None:
    good = true_dice(NEW) > 0.7
    assert 20 < good.sum() < 70
    assert area_under_roc(chances(), good) > 0.93
    assert skill(good, chances()) > 0.5
    assert chances()[good].mean() > 0.7
    assert chances()[~good].mean() < 0.3


def test_row_28_twin_images_of_other_masks_tell_little() -> None:
    assert skill(true_dice(NEW) > 0.7, chances(shuffled=True)) < 0.25


def consistency(first: np.ndarray, second: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the divergence and the squared difference of two passes, voxel by voxel."""
    wanted = ("epkl", "variance")
    accumulator = sq.UncertaintyAccumulator({"disc": 1}, maps=wanted)
    for probabilities in (first, second):
        accumulator.update(probabilities)
    maps = accumulator.maps(wanted)
    return maps["epkl"], 4.0 * maps["variance"]


def two_classes(p: np.ndarray) -> np.ndarray:
    return np.stack([1.0 - p, p])


# Set by hand so that both are round: KL of (1/2, 1/2) and (1/4, 3/4) either way.
HALF, QUARTER = two_classes(np.array([0.5])), two_classes(np.array([0.75]))
DIVERGENCE = (0.5 * np.log(4 / 3) + 0.25 * np.log(0.5) + 0.75 * np.log(1.5)) / 2.0


def test_row_28_two_passes_are_as_consistent_as_their_distributions() -> None:
    divergence, difference = consistency(HALF, QUARTER)
    assert divergence == pytest.approx(DIVERGENCE, abs=1e-6)
    assert difference == pytest.approx(0.25**2, abs=1e-6)
    for apart in consistency(HALF, HALF):
        assert apart == pytest.approx(0.0, abs=1e-7)


def perturbed(model: object) -> float:
    """Return the mean divergence of a pass and of one on the image mirrored and brought back."""
    predictor = sq.Predictor(model, activation="none", model_id="given")
    image = torch.tensor(discs(1, 3)[0].image, dtype=torch.float32)
    first, second = sq.TestTimeAugmentation([sq.Flip((1,))])(predictor, image)
    return float(consistency(first.numpy(), second.numpy())[0].mean())


def blurred(images: torch.Tensor) -> torch.Tensor:
    inside = torch.nn.functional.avg_pool2d(images.clamp(0.01, 0.99), 3, 1, 1)
    return torch.cat([1.0 - inside, inside], dim=1)


def test_row_28_twin_a_model_that_shuffles_its_voxels_is_inconsistent() -> None:
    order = torch.randperm(16, generator=torch.Generator().manual_seed(0))
    assert perturbed(blurred) == pytest.approx(0.0, abs=1e-6)
    assert perturbed(lambda images: blurred(images)[..., order]) > 0.1
