"""Row 28 (Lei et al. 2022): a discriminator tells masks as good as an expert's from others."""

from dataclasses import replace
from functools import cache

import numpy as np
from net_cases import area_under_roc, discs, shuffled_masks, skill, tiny_net, true_dice

from segqc_conformal.quality.net import GoodHead, QualityCase


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
    fitted = tiny_net(heads=(GoodHead(0.7),)).fit(cases)
    return np.array([fitted.predict(case).features["disc"]["good"] for case in NEW])


def test_row_28_experts_and_nearly_as_good_masks_are_told_from_bad_ones() -> None:
    good = true_dice(NEW) > 0.7
    assert 20 < good.sum() < 70
    assert area_under_roc(chances(), good) > 0.93
    assert skill(good, chances()) > 0.5
    assert chances()[good].mean() > 0.7
    assert chances()[~good].mean() < 0.3


def test_row_28_images_of_other_masks_tell_little() -> None:
    assert skill(true_dice(NEW) > 0.7, chances(shuffled=True)) < 0.25
