import numpy as np
import pytest
import torch

import segqc_conformal as sq
from segqc_conformal.corruption import (
    DiceHistogram,
    ReferenceMasks,
    augmented_images,
    corrupt,
    half_trained,
)
from segqc_conformal.corruption.reference_masks import masks_of
from segqc_conformal.errors import InputError

STRUCTURES = {"core": 1, "rim": 2}


def thresholds(noise: float, name: str) -> sq.Predictor:
    """Return a model that finds labels by intensity, better or worse."""

    def model(image):
        torch.manual_seed(0)
        seen = image + noise * torch.randn(image.shape)
        return torch.cat([-((seen - label) ** 2) for label in (0.0, 1.0, 2.0)], dim=1)

    return sq.Predictor(model, model_id=name)


def labels_of(predictor, case):
    return predictor(case.channels_first()).argmax(dim=0).numpy()


def test_a_path_goes_from_the_reference_to_the_worst_checkpoint(volume):
    case = volume(0)
    poor, good = thresholds(3.0, "poor"), thresholds(0.0, "good")
    path = half_trained([poor, good])(masks_of(case, STRUCTURES), np.random.default_rng(0))
    for strength, mask in (
        (0.0, case.reference),
        (0.5, labels_of(good, case)),
        (1.0, labels_of(poor, case)),
    ):
        assert np.array_equal(path(strength), [mask == 1, mask == 2])


def test_augmented_images_give_worse_masks_the_more_they_are_augmented(volume):
    case = volume(0)
    predictor = thresholds(0.0, "good")
    kind = augmented_images(predictor, [sq.Noise(4.0), sq.Noise(0.01)])
    reference = masks_of(case, STRUCTURES)
    path = kind(reference, np.random.default_rng(0))
    assert np.array_equal(path(0.0), reference.masks)
    mask = labels_of(predictor, case)
    nearly = path(0.5) == np.array([mask == 1, mask == 2])
    assert nearly.mean() > 0.95
    assert (path(1.0) == reference.masks).mean() < (path(0.5) == reference.masks).mean()


def test_models_reach_a_requested_histogram_too(volume):
    kinds = {
        "half_trained": half_trained([thresholds(3.0, "poor"), thresholds(0.5, "fair")]),
        "augmented_images": augmented_images(thresholds(0.0, "good")),
    }
    cases = [volume(number) for number in range(20)]
    histogram = DiceHistogram([0.5, 1.0], [1])
    found = corrupt(cases, histogram, structures=STRUCTURES, kinds=kinds, progress=False)
    assert found.distance <= 0.03
    assert set(found.table["kind"]) == set(kinds)


def test_models_need_a_case_and_checkpoints_need_one():
    kind = half_trained([thresholds(0.0, "good")])
    masks = ReferenceMasks(np.ones((1, 3, 3), dtype=bool), (1.0, 1.0))
    with pytest.raises(InputError, match="a model needs its image"):
        kind(masks, np.random.default_rng(0))
    with pytest.raises(InputError, match="at least one checkpoint"):
        half_trained([])
