"""Row 12 (Rouhi et al. 2024): radiomics of the image inside the mask, and P(Dice > T)."""

import numpy as np
import pytest
from sklearn.metrics import roc_auc_score
from slipped_masks import cases

from segqc_conformal.quality.regressor import QualityRegressor

TRAIN, TEST = cases(100, seed=1), cases(120, seed=2)


@pytest.mark.parametrize("threshold", [0.55, 0.67, 0.8])
def test_row_12_radiomics_tell_masks_above_any_threshold(threshold: float) -> None:
    fitted = QualityRegressor("logistic", above=threshold).fit(TRAIN, TRAIN["dice"])
    chance, good = fitted.predict(TEST), TEST["dice"] > threshold
    assert roc_auc_score(good, chance) > 0.9
    assert abs(chance.mean() - good.mean()) < 0.07


def test_row_12_a_higher_threshold_is_less_likely_to_be_passed() -> None:
    chances = [
        QualityRegressor("logistic", above=each).fit(TRAIN, TRAIN["dice"]).predict(TEST).mean()
        for each in (0.55, 0.67, 0.8)
    ]
    assert chances[0] > chances[1] + 0.05 > chances[2] + 0.1


def test_row_12_twin_radiomics_of_other_images_tell_nothing() -> None:
    shuffled = TRAIN["dice"].to_numpy()[np.random.default_rng(0).permutation(len(TRAIN))]
    good = (TEST["dice"] > 0.67).to_numpy()
    twin, real = (
        QualityRegressor("logistic", above=0.67).fit(TRAIN, dice).predict(TEST)
        for dice in (shuffled, TRAIN["dice"])
    )
    by_chance = good.mean() * (1.0 - good.mean())  # the Brier score of always saying the share
    assert np.mean((twin - good) ** 2) > 0.9 * by_chance
    assert np.mean((real - good) ** 2) < 0.5 * by_chance
