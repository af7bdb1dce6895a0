"""Row 12 (Rouhi et al. 2024): radiomics of the image inside the mask, and P(Dice > T)."""

from functools import cache

import numpy as np
import pandas as pd
import pytest
from literature_row import LiteratureRow
from sklearn.metrics import roc_auc_score
from slipped_masks import cases

from segqc_conformal.quality.regressor import QualityRegressor

ROW = LiteratureRow(
    system="Radiomics of tumour volumes",
    paper="Rouhi et al. (2024)",
    signal="probability that Dice exceeds a threshold, from radiomics in the mask",
    names=(
        "measures.intensity.intensity",
        "measures.shape.shape",
        "quality.regressor.QualityRegressor",
    ),
    asserted="for each of three thresholds it tells good masks of new images, its mean is the "
    "share of them, and it falls as the threshold rises",
)


THRESHOLDS = (0.55, 0.67, 0.8)


@cache
def new_cases() -> pd.DataFrame:
    return cases(120, seed=2)


@cache
def chances(threshold: float, shuffled: bool = False) -> np.ndarray:
    """Return P(Dice > threshold) of new images."""
    train = cases(100, seed=1)
    dice = train["dice"].to_numpy()
    if shuffled:
        dice = np.random.default_rng(0).permutation(dice)
    return QualityRegressor("logistic", above=threshold).fit(train, dice).predict(new_cases())


@pytest.mark.parametrize("threshold", THRESHOLDS)
def test_row_12_radiomics_tell_masks_above_any_threshold(threshold: float) -> None:
    chance, good = chances(threshold), new_cases()["dice"] > threshold
    assert roc_auc_score(good, chance) > 0.9
    assert abs(chance.mean() - good.mean()) < 0.07


def test_row_12_a_higher_threshold_is_less_likely_to_be_passed() -> None:
    means = [chances(each).mean() for each in THRESHOLDS]
    assert means[0] > means[1] + 0.05 > means[2] + 0.1


def test_row_12_twin_radiomics_of_other_images_tell_nothing() -> None:
    good = (new_cases()["dice"] > 0.67).to_numpy()
    by_chance = good.mean() * (1.0 - good.mean())  # the Brier score of always saying the share
    assert np.mean((chances(0.67, shuffled=True) - good) ** 2) > 0.9 * by_chance
    assert np.mean((chances(0.67) - good) ** 2) < 0.5 * by_chance
