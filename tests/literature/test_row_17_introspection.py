"""Row 17 (Kuhn et al. 2020): the probability of an error in each voxel, learned from features."""

from dataclasses import replace
from functools import cache

import numpy as np
import torch
from literature_row import LiteratureRow
from net_cases import SIDE, area_under_roc, discs, shuffled_masks, skill, tiny_net
from torch import nn

from segqc_conformal.quality.net import QualityCase, VoxelHead, hooked_features
from segqc_conformal.sampling.predictor import Predictor

ROW = LiteratureRow(
    system="Introspective failure prediction",
    paper="Kuhn et al. (2020)",
    signal="probability of an error in each voxel, from the image or the model's own features",
    names=(
        "quality.net.QualityNet",
        "quality.net.VoxelHead",
        "quality.net.hooked_features",
    ),
    asserted="of a segmenter that fails where an image was dimmed, errors of new images are found "
    "from either input, the probabilities are calibrated, and their sum ranks the cases",
)


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


NEW = dimmed(50, 2)
WRONG = np.stack([case.mask != case.reference for case in NEW])


@cache
def maps(inputs: tuple[str, ...], shuffled: bool = False) -> np.ndarray:
    cases = dimmed(80, 1)
    if shuffled:
        cases = shuffled_masks([replace(case, image=case.image[0]) for case in cases])
    fitted = tiny_net(inputs=inputs, heads=(VoxelHead(),), epochs=40).fit(cases)
    return np.stack([fitted.predict(case).maps["error"][0] for case in NEW])


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


def test_row_17_twin_features_of_other_cases_teach_nothing() -> None:
    said = maps(("blurred",), shuffled=True)
    assert skill(WRONG, said) < 0.25
    assert skill(WRONG.sum(axis=(1, 2)), said.sum(axis=(1, 2))) < 0.25
