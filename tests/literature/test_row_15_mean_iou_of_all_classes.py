"""Row 15 (Song et al. 2021): the mean IoU of a multi-class mask, nearly always good."""

from functools import cache

import numpy as np
from literature_row import LiteratureRow
from net_cases import BOTH, area_under_roc, disc_and_bar, shuffled_masks, skill, tiny_net, true_dice

from segqc_conformal.quality.net import CaseHead, QualityCase

ROW = LiteratureRow(
    system="Failure detection on road scenes",
    paper="Song et al. (2021)",
    signal="mean IoU of a multi-class mask, learned mostly on good ones",
    names=(
        "quality.net.QualityNet",
        "quality.net.CaseHead",
    ),
    asserted="a net finds failures of new images; the density-weighted loss is nearer on the rare "
    "failures than the plain one",
    reconstruction="the loss for imbalanced targets is not in the abstract: weights by the density "
    "of the targets are read into it.",
)

MOSTLY_GOOD = (*([0] * 12), *([1] * 6), 3, 5)


def true_mean_iou(cases: list[QualityCase]) -> np.ndarray:
    dice = np.array([true_dice(cases, label) for label in BOTH.values()])
    return (dice / (2.0 - dice)).mean(axis=0)


@cache
def predicted(loss_kind: str, shuffled: bool = False) -> tuple[np.ndarray, np.ndarray]:
    """Return true and predicted mean IoU of new cases of all qualities."""
    cases = disc_and_bar(120, 1, MOSTLY_GOOD)
    net = tiny_net(structures=BOTH, heads=(CaseHead("iou", loss_kind=loss_kind),))
    fitted = net.fit(shuffled_masks(cases) if shuffled else cases)
    new = disc_and_bar(80, 2)
    said = [fitted.predict(case).features for case in new]
    mean = [np.mean([each["iou"] for each in one.values()]) for one in said]
    return true_mean_iou(new), np.array(mean)


def test_row_15_mean_iou_is_predicted_without_the_reference_and_failures_are_found() -> None:
    truth, said = predicted("density")
    assert skill(truth, said) > 0.5
    failed = truth < 0.5
    assert 10 < failed.sum() < 70
    assert area_under_roc(-said, failed) > 0.85


def test_row_15_twin_masks_of_other_images_teach_nothing() -> None:
    truth, said = predicted("density", shuffled=True)
    assert skill(truth, said) < 0.25


def test_row_15_the_density_weighted_loss_is_nearer_on_the_rare_failures() -> None:
    truth, plain = predicted("plain")
    _, weighted = predicted("density")
    rare = truth < 0.5
    assert np.abs(weighted - truth)[rare].mean() < np.abs(plain - truth)[rare].mean()
