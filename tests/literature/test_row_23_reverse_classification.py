"""Row 23 (Valindria et al. 2017): a judged mask is worth what it teaches about references."""

from functools import cache
from typing import Any

import numpy as np
import pytest
from literature_row import LiteratureRow
from organ_images import PARTS, judged, organ, worse
from scipy.stats import spearmanr

import segqc_conformal as sq
from segqc_conformal.dice import dice
from segqc_conformal.reverse import AtlasRegistration, VoxelForest

ROW = LiteratureRow(
    system="Reverse classification accuracy (RCA)",
    paper="Valindria et al., IEEE Trans. Med. Imaging 36 (2017) 1597-1606",
    signal="Image and judged mask are all that a segmenter learns from; the largest Dice that it "
    "reaches on labelled references is the score.",
    names=(
        "reverse.accuracy.ReverseClassificationAccuracy",
        "reverse.atlas.AtlasRegistration",
        "reverse.voxel_forest.VoxelForest",
        "reverse.own_segmenter.OwnSegmenter",
        "adapters.simpleitk_registration.SimpleITKRegistration",
        "reverse.columns.with_reverse_features",
    ),
    asserted="For images with known truth the score is best for the true mask, falls step by step "
    "as the mask slips away, and ranks masks of many patients as their true Dice does; given the "
    "masks of other patients it does not.",
    reconstruction="The random forest on voxels stands for the paper's atlas forest; a reference "
    "without the structure is left out.",
    out_of_scope="The paper's own in-house forests and its convolutional network: a segmenter of "
    "the user's takes their place.",
)

FAST = AtlasRegistration(affine_steps=8, free_form_steps=8, device="cpu")
REFERENCES = [organ(number) for number in range(100, 103)]
SLIPS = (0, 1, 2, 4, 6)


def scores(backend: Any, case: sq.Case) -> dict[str, float]:
    accuracy = sq.ReverseClassificationAccuracy(REFERENCES, PARTS, backend, nearest=3)
    return {name: one["reverse_dice_max"] for name, one in accuracy.features(case).items()}


@pytest.mark.parametrize("backend", [FAST, VoxelForest(trees=8)])
def test_row_23_the_score_is_best_for_the_true_mask_and_falls_as_it_gets_worse(
    backend: Any,
) -> None:
    case = organ(0)
    assert case.reference is not None
    found = [scores(backend, judged(case, worse(case.reference, steps))) for steps in SLIPS]
    for name in PARTS:
        course = [one[name] for one in found]
        assert course == sorted(course, reverse=True)
        assert course[0] > course[-1] + 0.3


@cache
def of_many(shuffled: bool) -> tuple[np.ndarray, np.ndarray]:
    """Return true Dice and score of the body; shuffled: scores of the masks of other patients."""
    rng, truths, masks = np.random.default_rng(1), [], []
    cases = [organ(number) for number in range(16)]
    for case in cases:
        assert case.reference is not None
        masks.append(worse(case.reference, int(rng.integers(0, 7))))
        truths.append(dice(masks[-1] == 1, case.reference == 1))
    order = np.random.default_rng(0).permutation(16) if shuffled else np.arange(16)
    found = [
        scores(FAST, judged(case, masks[other]))["body"]
        for case, other in zip(cases, order, strict=True)
    ]
    return np.array(truths), np.array(found)


def test_row_23_the_score_ranks_the_masks_of_many_patients_as_their_dice_does() -> None:
    truth, found = of_many(shuffled=False)
    assert spearmanr(truth, found).statistic > 0.9
    assert np.abs(truth - found).mean() < 0.15


def test_row_23_twin_masks_of_other_patients_say_nothing() -> None:
    truth, found = of_many(shuffled=True)
    assert spearmanr(truth, found).statistic < 0.5
    assert np.abs(truth - found).mean() > 0.2
