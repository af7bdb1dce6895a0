"""Row 18 (Liu et al. 2026): how random labels look; magnitude and direction of logits."""

from functools import cache

import numpy as np
import pandas as pd
import pytest
import torch
from literature_row import LiteratureRow
from net_cases import area_under_roc

import segqc_conformal as sq
from segqc_conformal.calibrators import AcceptThreshold
from segqc_conformal.dice import dice
from segqc_conformal.uncertainty.label_randomness import label_randomness

ROW = LiteratureRow(
    system="Semantic and covariate shift",
    paper="Liu et al. (2026)",
    signal="co-occurrence of neighbouring labels for the case, MD-CSF (magnitude and direction of "
    "the logits) for the voxel, and a rule that rejects by either",
    names=(
        "uncertainty.md_csf.md_csf_reconstruction",
        "uncertainty.label_randomness.label_randomness",
        "measures.label_texture.label_texture",
        "calibrators.AcceptThreshold",
    ),
    asserted="co-occurrence of stripes and of a board is what their geometry fixes; MD-CSF is low "
    "both at weak and at misdirected logits; the certified rule passes unshifted images and "
    "rejects shifted ones",
    reconstruction="neither formula is public: share, entropy and contrast of co-occurring labels, "
    "and the length of the mean-free logits times their cosine to their class's mean, are read "
    "into it. The rule's threshold is this package's own.",
)
SIDE, GRID = 32, (-0.12, -0.15, -0.2, -0.25, -0.3, -0.35, -0.4)


def test_row_18_co_occurrence_is_what_the_pattern_fixes() -> None:
    rows, columns = np.indices((SIDE, SIDE))
    board, stripes = (rows + columns) % 2, rows // 8 % 2
    assert label_randomness(board, 2) == pytest.approx((1.0, np.log(2.0), 1.0))
    # three borders of 32 pairs among 2 x 31 x 32
    assert label_randomness(stripes, 2).off_diagonal == pytest.approx(3 / 62)


def test_row_18_twin_the_same_labels_shuffled_look_random() -> None:
    stripes = np.indices((SIDE, SIDE))[0] // 8 % 2
    shuffled = np.random.default_rng(0).permutation(stripes.ravel()).reshape(stripes.shape)
    assert label_randomness(shuffled, 2).off_diagonal == pytest.approx(0.5, abs=0.05)


def logits(seed: int) -> tuple[torch.Tensor, np.ndarray]:
    """Return logits of three classes, and where they err: too weak, or off any class's direction.

    A right voxel has four units along the axis of its class.
    """
    rng = np.random.default_rng(seed)
    truth, kind = rng.integers(0, 3, (2, 40, 40))
    right = 4.0 * np.moveaxis(np.eye(3)[truth], -1, 0)
    weak = rng.normal(0.0, 0.3, right.shape)
    between = 4.0 * np.moveaxis(1.0 - np.eye(3)[truth], -1, 0)  # as much for two wrong classes
    values = np.where(kind == 0, right, np.where(kind == 1, weak, between))
    values += rng.normal(0.0, 0.2, right.shape)
    return torch.tensor(values), kind


def found(score: np.ndarray, kind: np.ndarray, wrong: int) -> float:
    """Return how often a right voxel scores above one that is wrong in that way."""
    chosen = (kind == 0) | (kind == wrong)
    return area_under_roc(score[chosen], kind[chosen] == 0)


def test_row_18_md_csf_finds_weak_and_misdirected_logits() -> None:
    values, kind = logits(0)
    score = sq.md_csf_reconstruction(values).numpy()
    length = (values - values.mean(dim=0)).norm(dim=0).numpy()
    assert min(found(score, kind, wrong) for wrong in (1, 2)) > 0.99
    assert found(length, kind, 2) < 0.7  # magnitude alone takes these for sure


def test_row_18_twin_md_csf_of_shuffled_voxels_finds_neither() -> None:
    values, kind = logits(0)
    score = sq.md_csf_reconstruction(values).numpy()
    shuffled = np.random.default_rng(0).permutation(score.ravel()).reshape(score.shape)
    assert max(found(shuffled, kind, wrong) for wrong in (1, 2)) < 0.6


@cache
def cases(number: int, seed: int, shift: float) -> pd.DataFrame:
    """Cut discs out of noise that is little, or for a share of the images strong."""
    rng, rows = np.random.default_rng(seed), []
    for _ in range(number):
        distance = np.hypot(*(np.indices((SIDE, SIDE)) - rng.uniform(12, 20, 2)[:, None, None]))
        disc = distance < rng.uniform(7, 11)
        noise = rng.uniform(0.5, 1.2) if rng.random() < shift else rng.uniform(0.05, 0.2)
        image = disc + rng.normal(0.0, noise, disc.shape)
        inside = (image > 0.5).astype(np.float32)
        accumulator = sq.UncertaintyAccumulator({"disc": 1}, schema=sq.FeatureSchema("aggregate"))
        accumulator.update(np.stack([1.0 - inside, inside]))
        randomness = accumulator.features()["disc"]["label_change_share"]
        rows.append((-randomness, dice(image > 0.5, disc)))
    return pd.DataFrame(rows, columns=["score", "dice"])


def certified(shuffled: bool = False) -> AcceptThreshold:
    table = cases(120, 1, shift=0.4)
    score = table["score"].to_numpy()
    if shuffled:
        score = np.random.default_rng(0).permutation(score)
    return AcceptThreshold().calibrate(score, table["dice"], grid=GRID)


def test_row_18_the_certified_rule_rejects_shifted_images_and_passes_the_others() -> None:
    rule = certified()
    assert rule.threshold is not None
    assert rule.accept(cases(40, 2, shift=0.0)["score"]).mean() > 0.9
    assert rule.accept(cases(40, 3, shift=1.0)["score"]).mean() < 0.2


def test_row_18_twin_randomness_of_other_images_certifies_nothing() -> None:
    assert certified(shuffled=True).threshold is None
