"""Row 16 (Qiu et al. 2025): one net gives a case metric and the error map of each class."""

from collections.abc import Sequence
from dataclasses import replace
from functools import cache

import numpy as np
import pytest
from literature_row import LiteratureRow
from net_cases import BOTH, area_under_roc, disc_and_bar, shuffled_masks, skill, tiny_net, true_dice

from segqc_conformal.evaluation.surface_dice import surface_dice
from segqc_conformal.quality.net import (
    CaseHead,
    FittedQualityNet,
    QualityCase,
    QualityPrediction,
    VoxelHead,
)

ROW = LiteratureRow(
    system="QCResUNet",
    paper="Qiu et al. (2025)",
    signal="Dice or surface Dice of each class, and a map of its errors, from one net",
    names=(
        "quality.net.QualityNet",
        "quality.net.CaseHead",
        "quality.net.VoxelHead",
        "evaluation.surface_dice.surface_dice",
    ),
    asserted="the map of each class finds that class's false voxels better than the other's map "
    "does, both heads agree with the true Dice of new images, and the scalar head of a net taught "
    "surface Dice with that, which predicted Dice does not",
)

METRICS = ("dice", "surface_dice")
NEW = disc_and_bar(50, 2)


def true_surface_dice(case: QualityCase) -> dict[str, float]:
    """Return the surface Dice of each class at half a voxel."""
    return {
        structure: surface_dice(case.mask == label, case.reference == label, (1.0, 1.0), 0.5)
        for structure, label in BOTH.items()
    }


@cache
def net(metric: str, shuffled: bool) -> FittedQualityNet:
    cases, epochs = disc_and_bar(120, 1), 22
    if shuffled:
        cases, epochs = shuffled_masks(cases, times=3), epochs // 3  # in as many steps
    if metric == "surface_dice":
        cases = [replace(case, metrics={metric: true_surface_dice(case)}) for case in cases]
    heads, size = (CaseHead(metric), VoxelHead()), {"channels": (12, 24), "batch_size": 16}
    return tiny_net(structures=BOTH, heads=heads, epochs=epochs, **size).fit(cases)


@cache
def predictions(metric: str, shuffled: bool = False) -> list[QualityPrediction]:
    return [net(metric, shuffled).predict(case) for case in NEW]


def said_of(said: Sequence[QualityPrediction], structure: str, name: str) -> np.ndarray:
    return np.array([one.features[structure][name] for one in said])


def errors_found(said: list[QualityPrediction], row: int, label: int) -> float:
    """Return the area under the ROC curve of map `row` for the false voxels of class `label`."""
    maps = np.stack([one.maps["error"][row] for one in said])
    masks = np.stack([case.mask == label for case in NEW])
    references = np.stack([case.reference == label for case in NEW])
    return area_under_roc(maps[masks], ~references[masks])


@pytest.mark.parametrize("metric", METRICS)
def test_row_16_each_map_finds_the_errors_of_its_own_class(metric: str) -> None:
    for row, label in enumerate(BOTH.values()):
        own = errors_found(predictions(metric), row, label)
        assert own > 0.9
        assert own > errors_found(predictions(metric), 1 - row, label) + 0.1


def test_row_16_the_case_metric_of_each_class_and_the_map_agree_with_the_truth() -> None:
    for structure, label in BOTH.items():
        for name in ("dice", "error_dice"):
            said = said_of(predictions("dice"), structure, name)
            assert skill(true_dice(NEW, label), said) > 0.4


def test_row_16_the_case_metric_may_be_one_of_the_surface() -> None:
    for structure in BOTH:
        truth = np.array([true_surface_dice(case)[structure] for case in NEW])
        assert skill(truth, said_of(predictions("surface_dice"), structure, "surface_dice")) > 0.5
    truth = np.array([true_surface_dice(case)["disc"] for case in NEW])
    assert skill(truth, said_of(predictions("dice"), "disc", "dice")) < 0.0  # another number


def test_row_16_twin_masks_of_other_images_teach_neither() -> None:
    said = predictions("dice", shuffled=True)
    for row, (structure, label) in enumerate(BOTH.items()):
        assert errors_found(said, row, label) < 0.8
        assert skill(true_dice(NEW, label), said_of(said, structure, "dice")) < 0.25


def test_row_16_twin_of_masks_of_other_images_no_surface_dice_is_known() -> None:
    others = shuffled_masks(NEW)
    said = [net("surface_dice", False).predict(case) for case in others]
    for structure in BOTH:
        truth = np.array([true_surface_dice(case)[structure] for case in others])
        assert skill(truth, said_of(said, structure, "surface_dice")) < 0.25
