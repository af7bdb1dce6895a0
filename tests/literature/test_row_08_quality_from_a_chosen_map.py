"""Row 8 (Sikha et al. 2025): a net on image, mask and a chosen map, Grad-CAM and embeddings."""

from dataclasses import replace
from functools import cache

import numpy as np
from net_cases import SIDE, discs, shuffled_masks, skill, tiny_net, true_dice
from scipy.stats import spearmanr

from segqc_conformal.quality.net import (
    CaseHead,
    FittedQualityNet,
    QualityCase,
    embedding_plane,
    grad_cam,
)

MAP = "predictive_entropy"


def blind_cases(number: int, seed: int) -> list[QualityCase]:
    """Images of noise: only the map tells, roughly, where mask and reference differ."""
    rng = np.random.default_rng(seed)
    cases = []
    for case in discs(number, seed):
        wrong = (case.mask != case.reference).astype(float)
        told = {MAP: 0.5 * wrong + rng.uniform(0.0, 0.2, wrong.shape)}
        noise = rng.standard_normal(wrong.shape)
        cases.append(replace(case, image=noise, maps=told))
    return cases


def shuffled_maps(cases: list[QualityCase]) -> list[QualityCase]:
    """Give each case the map of another one."""
    order = np.random.default_rng(0).permutation(len(cases))
    return [
        replace(case, image=case.image[0], maps={MAP: cases[other].maps[MAP][0]})
        for case, other in zip(cases, order, strict=True)
    ]


@cache
def net(inputs: tuple[str, ...], shuffled: bool = False) -> FittedQualityNet:
    cases = blind_cases(80, 1)
    return tiny_net(inputs=inputs).fit(shuffled_maps(cases) if shuffled else cases)


def learned(fitted: FittedQualityNet, cases: list[QualityCase]) -> float:
    said = [fitted.predict(case).features["disc"]["dice"] for case in cases]
    return skill(true_dice(cases), np.array(said))


def test_row_08_two_or_three_inputs_with_the_map_judge_new_masks() -> None:
    new = blind_cases(60, 2)
    assert learned(net(("mask", MAP)), new) > 0.5
    assert learned(net(("image", "mask", MAP)), new) > 0.5


def test_row_08_neither_image_and_mask_nor_the_maps_of_others_do() -> None:
    assert learned(net(("image", "mask")), blind_cases(60, 2)) < 0.25
    assert learned(net(("mask", MAP), shuffled=True), blind_cases(60, 2)) < 0.25


def planted(number: int, seed: int) -> list[tuple[QualityCase, np.ndarray]]:
    """Return cases with a spot in the map that alone lowers the quality, and where it is."""
    rng, pairs = np.random.default_rng(seed), []
    for case in discs(number, seed):
        rows, columns, strength = rng.integers(0, SIDE - 4), rng.integers(0, SIDE - 4), rng.random()
        spot = np.zeros((SIDE, SIDE), bool)
        spot[rows : rows + 4, columns : columns + 4] = True
        told = strength * spot + rng.uniform(0.0, 0.2, spot.shape)
        quality = {"quality": {"disc": 1.0 - strength}}
        pairs.append((replace(case, image=case.image[0], maps={MAP: told}, metrics=quality), spot))
    return pairs


@cache
def heat_on_spots(spoke: str, shuffled: bool = False) -> float:
    """Return how much hotter the spot of a bad case is than all else, in the middle case."""
    cases = [case for case, _ in planted(80, 1)]
    if shuffled:
        others = np.random.default_rng(0).permutation(len(cases))
        cases = [
            replace(case, image=case.image[0], metrics=cases[other].metrics)
            for case, other in zip(cases, others, strict=True)
        ]
    fitted = tiny_net(inputs=("mask", MAP), heads=(CaseHead("quality"),)).fit(cases)
    ratios = []
    for case, spot in planted(40, 3):
        if case.metrics["quality"]["disc"] < 0.5:
            heat = grad_cam(fitted, case, "disc", spoke)
            ratios.append(heat[spot].mean() / max(heat[~spot].mean(), 1e-6))
    return float(np.median(ratios))


def test_row_08_grad_cam_is_hot_where_the_map_lowered_the_quality() -> None:
    assert heat_on_spots("against") > 3.0


def test_row_08_grad_cam_of_what_raised_it_or_of_qualities_of_others_is_not() -> None:
    assert heat_on_spots("for") < 1.2
    assert heat_on_spots("against", shuffled=True) < 1.8


def embedded(fitted: FittedQualityNet) -> float:
    cases = blind_cases(60, 4)
    points, _ = embedding_plane([fitted.embedding(case) for case in cases])
    return max(abs(spearmanr(points[:, axis], true_dice(cases)).statistic) for axis in (0, 1))


def test_row_08_embeddings_order_the_cases_by_quality() -> None:
    assert embedded(net(("mask", MAP))) > 0.7


def test_row_08_masks_of_other_cases_are_not_ordered() -> None:
    fitted = net(("mask", MAP))
    cases = blind_cases(60, 4)
    points, _ = embedding_plane([fitted.embedding(case) for case in cases])
    truth = true_dice(shuffled_masks([replace(case, image=case.image[0]) for case in cases]))
    assert max(abs(spearmanr(points[:, axis], truth).statistic) for axis in (0, 1)) < 0.4
