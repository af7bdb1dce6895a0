"""Row 17 (Kuhn et al. 2020): the probability of an error in each voxel, learned from features."""

from dataclasses import replace
from functools import cache

import numpy as np
import torch
from literature_row import LiteratureRow
from net_cases import SIDE, area_under_roc, discs, shuffled_masks, skill, tiny_net
from sklearn.metrics import average_precision_score
from torch import nn

from segqc_conformal.quality.net import (
    FittedQualityNet,
    QualityCase,
    VoxelHead,
    hooked_features,
)
from segqc_conformal.sampling.predictor import Predictor
from segqc_conformal.uncertainty.accumulator import UncertaintyAccumulator

ROW = LiteratureRow(
    system="Introspective failure prediction",
    paper="Kuhn et al. (2020)",
    signal="probability of an error in each voxel, from the image or the model's own features, "
    "alone or with the entropy",
    names=(
        "quality.net.QualityNet",
        "quality.net.VoxelHead",
        "quality.net.hooked_features",
        "uncertainty.accumulator.UncertaintyAccumulator",
    ),
    asserted="of a segmenter that fails where an image was dimmed, errors of new images are found "
    "from either input, the probabilities are calibrated, and their sum ranks the cases; where it "
    "also guesses with doubt, image and entropy together find more than either",
    reconstruction="how introspection and entropy are combined is not at hand; here the map of the "
    "entropy is one more input of the net.",
)


ENTROPY = "predictive_entropy"


def segmenter() -> Predictor:
    """Blur the image, and call bright what is above a half: wrong wherever the disc was dimmed."""
    blur, bright = nn.Conv2d(1, 2, 3, padding=1), nn.Conv2d(2, 1, 1)
    with torch.no_grad():
        for layer in (blur, bright):
            layer.bias.zero_()
        blur.weight.fill_(1.0 / 9.0)
        bright.weight.fill_(10.0)
        bright.bias.fill_(-10.0)
    return Predictor(nn.Sequential(blur, bright), "sigmoid")


def dimmed(number: int, seed: int) -> list[QualityCase]:
    """Discs, half of each dimmed by its own amount, with the segmenter's mask and activations."""
    model, rng, cases = segmenter(), np.random.default_rng(seed), []
    for case in discs(number, seed, noise=0.0):
        image = case.reference.astype(float)
        columns = np.arange(SIDE) < SIDE / 2
        image *= np.where(columns, rng.uniform(0.2, 1.0), 1.0) + 0.2 * rng.random(image.shape)
        mask = (model(image[None])[0].numpy() > 0.5).astype(int)
        activations = hooked_features(model, image[None], {"blurred": "0"})
        cases.append(replace(case, image=image, mask=mask, features=activations))
    return cases


def doubtful(cases: list[QualityCase], seed: int) -> list[QualityCase]:
    """Let the segmenter guess in a spot of each image: its entropy tells, its image does not."""
    rng, doubted = np.random.default_rng(seed), []
    for case in cases:
        row, column = rng.integers(0, SIDE - 4, 2)
        chance = np.where(case.mask == 1, 0.98, 0.02)
        chance[row : row + 4, column : column + 4] = rng.uniform(0.3, 0.7, (4, 4))
        accumulator = UncertaintyAccumulator({"disc": 1}, maps=(ENTROPY,))
        accumulator.update(np.stack([1.0 - chance, chance]).astype(np.float32))
        told, mask = accumulator.maps()[ENTROPY], (chance > 0.5).astype(int)
        doubted.append(replace(case, mask=mask, maps={ENTROPY: told}))
    return doubted


def wrong(cases: list[QualityCase]) -> np.ndarray:
    return np.stack([case.mask != case.reference for case in cases])


NEW = dimmed(50, 2)
WRONG = wrong(NEW)


@cache
def net(inputs: tuple[str, ...], shuffled: bool) -> FittedQualityNet:
    cases = doubtful(dimmed(120, 1), 3) if ENTROPY in inputs else dimmed(120, 1)
    if shuffled:
        cases = shuffled_masks(cases)
    size = {"channels": (12, 24), "epochs": 16, "flips": False}  # the dimmed half is the left one
    return tiny_net(inputs=inputs, heads=(VoxelHead(),), **size).fit(cases)


def error_maps(fitted: FittedQualityNet, cases: list[QualityCase]) -> np.ndarray:
    return np.stack([fitted.predict(case).maps["error"][0] for case in cases])


@cache
def maps(inputs: tuple[str, ...], shuffled: bool = False) -> np.ndarray:
    return error_maps(net(inputs, shuffled), NEW)


def test_row_17_errors_are_found_from_the_image_or_from_the_models_own_features() -> None:
    for inputs in (("image",), ("blurred",)):
        assert area_under_roc(maps(inputs).ravel(), WRONG.ravel()) > 0.93
    assert skill(WRONG, maps(("blurred",))) > 0.35


def test_row_17_it_is_a_probability() -> None:
    said = maps(("blurred",))
    for low, high in ((0.0, 0.2), (0.2, 0.6), (0.6, 1.0)):
        inside = (said >= low) & (said < high)
        assert abs(said[inside].mean() - WRONG[inside].mean()) < 0.15


def test_row_17_its_sum_ranks_the_cases() -> None:
    said = maps(("blurred",)).sum(axis=(1, 2))
    assert skill(WRONG.sum(axis=(1, 2)), said) > 0.5


def average_precision(said: np.ndarray, cases: list[QualityCase]) -> float:
    return float(average_precision_score(wrong(cases).ravel(), said.ravel()))


def entropies(cases: list[QualityCase]) -> np.ndarray:
    return np.stack([case.maps[ENTROPY][0] for case in cases])


def gains(cases: list[QualityCase]) -> tuple[float, float]:
    """Return by how much image and entropy find more of the errors than the better of them.

    In average precision, and in area under the ROC curve.
    """
    together = error_maps(net(("image", ENTROPY), False), cases)
    alone = error_maps(net(("image",), False), cases), entropies(cases)
    truth = wrong(cases).ravel()
    return (
        average_precision(together, cases) - max(average_precision(one, cases) for one in alone),
        area_under_roc(together.ravel(), truth)
        - max(area_under_roc(one.ravel(), truth) for one in alone),
    )


def test_row_17_with_the_entropy_more_is_found_than_by_either() -> None:
    precision, area = gains(doubtful(NEW, 4))
    assert precision > 0.05
    assert area > 0.1


def test_row_17_twin_with_the_entropy_of_other_images_no_more_is_found() -> None:
    cases = doubtful(NEW, 4)
    others = np.roll(entropies(cases), 1, axis=0)
    precision, area = gains(
        [replace(case, maps={ENTROPY: told}) for case, told in zip(cases, others, strict=True)]
    )
    assert precision < 0.0
    assert area < 0.0


def test_row_17_twin_features_of_other_cases_teach_nothing() -> None:
    said = maps(("blurred",), shuffled=True)
    assert skill(WRONG, said) < 0.25
    assert skill(WRONG.sum(axis=(1, 2)), said.sum(axis=(1, 2))) < 0.25
