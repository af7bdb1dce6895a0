"""Row 3 (Roy et al. 2018): how far the dropout samples of a structure agree."""

from collections.abc import Iterator

import numpy as np
import pytest
from disc_segmenter import dropout_table
from literature_row import LiteratureRow
from scipy.stats import spearmanr

import segqc_conformal as sq

ROW = LiteratureRow(
    system="Bayesian QuickNAT",
    paper="Roy et al. (2018)",
    signal="coefficient of variation of the samples' volumes, their pairwise Dice, the IoU of all, "
    "and the mean entropy, structure by structure",
    names=("measures.agreement.agreement", "uncertainty.accumulator.UncertaintyAccumulator"),
    asserted="all four come from one pass over samples that exist one at a time, with the values "
    "that nested masks of known length fix, also where all or some are empty; IoU goes with Dice",
    reconstruction="the entropy of a structure may be read as that of the mean or as the mean of "
    "the samples': both are given (predictive and expected). The published codes differ on empty "
    "structures and on the variance; here ddof is 1, and where all masks are empty they agree "
    "(IoU and Dice 1, variation 0).",
)
LENGTH, DOUBT = 40, 0.8
LENGTHS = {"nested": (10, 12, 16), "never": (0, 0, 0), "once": (0, 0, 8)}
SIGNALS = ("volume_cv", "pairwise_dice", "iou_all", "expected_entropy", "predictive_entropy")


def samples(shuffled: bool = False) -> Iterator[np.ndarray]:
    """Yield samples of three structures in rows of their own, each of a known length."""
    rng = np.random.default_rng(0)
    for lengths in zip(*LENGTHS.values(), strict=True):
        masks = [np.arange(LENGTH) < length for length in lengths]
        masks = [rng.permutation(mask) for mask in masks] if shuffled else masks
        sample = np.zeros((4, 3, LENGTH))
        for row, mask in enumerate(masks):
            sample[row + 1, row] = np.where(mask, DOUBT, 0.0)
            sample[0, row] = 1.0 - sample[row + 1, row]
        yield sample


def measured(shuffled: bool = False) -> dict[str, list[float]]:
    accumulator = sq.UncertaintyAccumulator({name: row + 1 for row, name in enumerate(LENGTHS)})
    for sample in samples(shuffled):
        accumulator.update(sample)
    features = accumulator.features()
    return {name: [features[name][signal] for signal in SIGNALS] for name in LENGTHS}


def entropy(p: float) -> float:
    return float(-p * np.log(p) - (1 - p) * np.log(1 - p))


# Of two nested masks the Dice is 2 a / (a + b) for lengths a < b, the IoU of all shortest over
# longest; the fused mask is where the mean probability passes a half, so in two samples or more:
# 12 long, of which 2 have 0.8 in two samples of three.
PAIRS = (20 / 22, 20 / 26, 24 / 28)
KNOWN = {
    "nested": [
        np.sqrt(28 / 3) / (38 / 3),
        np.mean(PAIRS),
        10 / 16,
        (10 * entropy(DOUBT) + 2 * 2 / 3 * entropy(DOUBT)) / 12,
        (10 * entropy(DOUBT) + 2 * entropy(DOUBT * 2 / 3)) / 12,
    ],
    "never": [0.0, 1.0, 1.0],
    "once": [np.sqrt(3.0), 1 / 3, 0.0],
}


def test_row_03_all_four_signals_of_one_pass_are_what_the_lengths_fix() -> None:
    found = measured()
    for name, known in KNOWN.items():
        assert found[name][: len(known)] == pytest.approx(known, abs=1e-6)


def test_row_03_twin_samples_shuffled_by_voxel_keep_the_volumes_alone() -> None:
    shuffled, known = measured(shuffled=True)["nested"], KNOWN["nested"]
    assert shuffled[0] == pytest.approx(known[0], abs=1e-6)
    assert shuffled[1] < known[1] - 0.3
    assert shuffled[2] < known[2] - 0.3


def test_row_03_the_iou_of_a_dropout_network_goes_with_dice() -> None:
    table = dropout_table()
    assert spearmanr(table["feature_iou_all"], table["dice"]).statistic > 0.6


def test_row_03_twin_the_iou_of_other_images_does_not() -> None:
    table = dropout_table()
    order = np.random.default_rng(0).permutation(len(table))
    shuffled = table["feature_iou_all"].to_numpy()[order]
    assert abs(spearmanr(shuffled, table["dice"]).statistic) < 0.3
