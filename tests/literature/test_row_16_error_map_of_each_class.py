"""Row 16 (Qiu et al. 2025): one net gives a case metric and the error map of each class."""

from functools import cache

import numpy as np
from literature_row import LiteratureRow
from net_cases import BOTH, area_under_roc, disc_and_bar, shuffled_masks, skill, tiny_net, true_dice

from segqc_conformal.quality.net import CaseHead, QualityPrediction, VoxelHead

ROW = LiteratureRow(
    system="QCResUNet",
    paper="Qiu et al. (2025)",
    signal="Dice of each class, and a map of its errors, from one net",
    names=(
        "quality.net.QualityNet",
        "quality.net.CaseHead",
        "quality.net.VoxelHead",
    ),
    asserted="the map of each class finds that class's false voxels better than the other's map "
    "does, and both heads agree with the true Dice of new images",
)

NEW = disc_and_bar(50, 2)


@cache
def predictions(shuffled: bool = False) -> list[QualityPrediction]:
    cases = disc_and_bar(100, 1)
    net = tiny_net(structures=BOTH, heads=(CaseHead(), VoxelHead()), epochs=35)
    fitted = net.fit(shuffled_masks(cases, times=2) if shuffled else cases)
    return [fitted.predict(case) for case in NEW]


def errors_found(said: list[QualityPrediction], row: int, label: int) -> float:
    """Return the area under the ROC curve of map `row` for the false voxels of class `label`."""
    maps = np.stack([one.maps["error"][row] for one in said])
    masks = np.stack([case.mask == label for case in NEW])
    references = np.stack([case.reference == label for case in NEW])
    return area_under_roc(maps[masks], ~references[masks])


def test_row_16_each_map_finds_the_errors_of_its_own_class() -> None:
    for row, label in enumerate(BOTH.values()):
        own = errors_found(predictions(), row, label)
        assert own > 0.9
        assert own > errors_found(predictions(), 1 - row, label) + 0.1


def test_row_16_the_case_metric_of_each_class_and_the_map_agree_with_the_truth() -> None:
    for structure, label in BOTH.items():
        truth = true_dice(NEW, label)
        for name in ("dice", "error_dice"):
            said = [one.features[structure][name] for one in predictions()]
            assert skill(truth, np.array(said)) > 0.4


def test_row_16_twin_masks_of_other_images_teach_neither() -> None:
    for row, (structure, label) in enumerate(BOTH.items()):
        assert errors_found(predictions(shuffled=True), row, label) < 0.8
        said = [one.features[structure]["dice"] for one in predictions(shuffled=True)]
        assert skill(true_dice(NEW, label), np.array(said)) < 0.25
