"""Row 27 (Su et al. 2024): where one of two networks may be trusted, by its features."""

import numpy as np
import torch
from literature_row import LiteratureRow
from net_cases import area_under_roc
from scipy.stats import spearmanr

import segqc_conformal as sq
from segqc_conformal.uncertainty.two_network_reliability import mean_reliability

ROW = LiteratureRow(
    system="Reliable pseudo-labels of two networks",
    paper="Su et al. (2024)",
    signal="agreement of a surer network's probabilities with the prototypes of its own features",
    names=(
        "uncertainty.two_network_reliability.two_network_reliability",
        "uncertainty.two_network_reliability.mean_reliability",
    ),
    asserted="it is 0 wherever the other network is surer; elsewhere labels that the features "
    "contradict score below the others, and the mean over the mask goes with Dice",
    reconstruction="that prototypes are weighted by the probabilities is this package's choice.",
    out_of_scope="the training that weighs pseudo-labels by it (semi-supervised learning): a "
    "package around a deployed model trains no segmentation, it takes the weight as a signal of "
    "quality.",
)
SIDE = 24


def networks(
    seed: int, error: float, shuffled: bool = False, sure_rows: int = 3 * SIDE // 4
) -> tuple[torch.Tensor, np.ndarray, np.ndarray, np.ndarray]:
    """Return the reliability of a network, where it is surer, right and its mask.

    Its features know the truth; its labels are wrong in a share of the voxels. It is sure in the
    first rows, and the other network in the rest.
    """
    rng = np.random.default_rng(seed)
    truth = np.hypot(*(np.indices((SIDE, SIDE)) - SIDE / 2)) < 8
    label = truth ^ (rng.random(truth.shape) < error)
    surer = np.indices(truth.shape)[0] < sure_rows
    features = np.stack([truth, ~truth]) + np.abs(rng.normal(0.0, 0.2, (2, SIDE, SIDE)))
    if shuffled:
        features = rng.permutation(features.reshape(2, -1), axis=1).reshape(features.shape)
    p = np.where(surer, rng.uniform(0.85, 0.95, truth.shape), 0.7)
    other = np.where(surer, 0.6, 0.9)
    trusted, uncertain = (
        torch.tensor(np.stack([np.where(label, 1 - q, q), np.where(label, q, 1 - q)]))
        for q in (p, other)
    )
    map_ = sq.two_network_reliability(uncertain, trusted, torch.tensor(features))
    return map_, surer, label == truth, label


def told_apart(shuffled: bool = False) -> float:
    """Return how often a right voxel is called more reliable than a wrong one."""
    map_, surer, right, _ = networks(0, 0.2, shuffled)
    return area_under_roc(map_.numpy()[surer], right[surer])


def agreement(shuffled: bool = False) -> float:
    """Correlate, over cases that err more or less, mean reliability over the mask and Dice."""
    rng, pairs = np.random.default_rng(1), []
    for seed in range(40):
        map_, _, right, label = networks(seed, rng.uniform(0.0, 0.4), shuffled, SIDE)
        truth = label == right
        dice = 2.0 * (label & truth).sum() / (label.sum() + truth.sum())
        pairs.append((mean_reliability(map_, torch.tensor(label)), dice))
    return float(spearmanr(*zip(*pairs, strict=True)).statistic)


def test_row_27_only_the_surer_network_is_trusted() -> None:
    map_, surer, _, _ = networks(0, 0.2)
    assert (map_[torch.tensor(~surer)] == 0.0).all()
    assert (map_[torch.tensor(surer)] > 0.0).all()


def test_row_27_labels_that_the_features_contradict_are_less_reliable() -> None:
    assert told_apart() > 0.95
    assert agreement() > 0.9


def test_row_27_twin_features_of_other_voxels_say_nothing() -> None:
    assert abs(told_apart(shuffled=True) - 0.5) < 0.15
    assert abs(agreement(shuffled=True)) < 0.4
