"""Row 8 (Sikha et al. 2025): a net on image, mask and a chosen map, Grad-CAM and embeddings."""

from dataclasses import replace
from functools import cache

import numpy as np
import pandas as pd
from literature_row import LiteratureRow
from net_cases import SIDE, discs, shuffled_masks, skill, tiny_net, true_dice
from scipy.special import expit
from scipy.stats import spearmanr

from segqc_conformal.quality.net import (
    CaseHead,
    FittedQualityNet,
    QualityCase,
    embedding_plane,
    grad_cam,
)
from segqc_conformal.quality.regressor import QualityRegressor

ROW = LiteratureRow(
    system="Quality from uncertainty maps",
    paper="Sikha et al. (2025)",
    signal="a net on mask, image and a chosen map, and one score from several maps",
    names=(
        "quality.net.QualityNet",
        "quality.net.grad_cam",
        "quality.net.embedding_plane",
        "quality.regressor.QualityRegressor",
    ),
    asserted="where the map alone shows the errors, nets with it judge new masks and nets without "
    "it do not; Grad-CAM is hot on the planted spot; embeddings are ordered by quality; of two "
    "maps that each see half of the errors one score is better than either",
    reconstruction="how maps become one score is read as a regression on their means.",
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


def test_row_08_twin_neither_image_and_mask_nor_the_maps_of_others_do() -> None:
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


def test_row_08_twin_grad_cam_of_what_raised_it_or_of_qualities_of_others_is_not() -> None:
    assert heat_on_spots("for") < 1.2
    assert heat_on_spots("against", shuffled=True) < 1.8


def embedded(fitted: FittedQualityNet) -> float:
    cases = blind_cases(60, 4)
    points, _ = embedding_plane([fitted.embedding(case) for case in cases])
    return max(abs(spearmanr(points[:, axis], true_dice(cases)).statistic) for axis in (0, 1))


def test_row_08_embeddings_order_the_cases_by_quality() -> None:
    assert embedded(net(("mask", MAP))) > 0.7


def test_row_08_twin_masks_of_other_cases_are_not_ordered() -> None:
    fitted = net(("mask", MAP))
    cases = blind_cases(60, 4)
    points, _ = embedding_plane([fitted.embedding(case) for case in cases])
    truth = true_dice(shuffled_masks([replace(case, image=case.image[0]) for case in cases]))
    assert max(abs(spearmanr(points[:, axis], truth).statistic) for axis in (0, 1)) < 0.4


def error_of_score(*maps: str, shuffled: bool = False) -> float:
    """Return how far a score from the means of some maps lies from the Dice of new cases.

    Each map sees half of what lowers the Dice.
    """
    rng = np.random.default_rng(5)
    halves = rng.normal(size=(120, 2))
    dice = expit(1.0 - halves.sum(axis=1))
    means = halves + rng.normal(0.0, 0.1, halves.shape)
    means = rng.permuted(means, axis=0) if shuffled else means
    table = pd.DataFrame(means, columns=["feature_left_map", "feature_right_map"])
    rows = table[[f"feature_{name}" for name in maps]].assign(structure="disc")
    fitted = QualityRegressor("linear").fit(rows[:60], dice[:60])
    return float(np.abs(fitted.predict(rows[60:]) - dice[60:]).mean())


def test_row_08_one_score_of_two_maps_is_better_than_either() -> None:
    single = min(error_of_score("left_map"), error_of_score("right_map"))
    assert error_of_score("left_map", "right_map") < 0.5 * single


def test_row_08_twin_the_score_of_maps_of_others_is_not() -> None:
    single = min(error_of_score("left_map"), error_of_score("right_map"))
    assert error_of_score("left_map", "right_map", shuffled=True) > single
