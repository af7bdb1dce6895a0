"""Row 14 (Dadras et al. 2024): IoU from image and mask, learned on corrupted reference masks."""

from dataclasses import replace
from functools import cache

import numpy as np
import pytest
from literature_row import LiteratureRow
from net_cases import area_under_roc, disc_and_bar, skill, tiny_net, true_dice

import segqc_conformal as sq
from segqc_conformal.corruption import DiceHistogram, corrupt
from segqc_conformal.errors import InputError
from segqc_conformal.quality.net import CaseHead, QualityCase

ROW = LiteratureRow(
    system="Glottis segmentation",
    paper="Dadras et al. (2024)",
    signal="IoU from image and mask, learned on masks corrupted to a wanted histogram",
    names=(
        "corruption.corrupt",
        "corruption.DiceHistogram",
        "quality.net.QualityNet",
        "quality.net.CaseHead",
    ),
    asserted="corruption meets a flat histogram of IoU; with plain, focal and density-weighted "
    "loss a net calls failures (IoU below 0.6) of new images; corrupted masks never calibrate",
)

DISC = {"disc": 1}
IOU = np.linspace(0.0, 1.0, 6)
FLAT = DiceHistogram(edges=2 * IOU / (1 + IOU), shares=[1] * 5)  # of IoU, which Dice fixes
FAILED = 0.6


def corrupted_cases(number: int, seed: int) -> tuple[list[QualityCase], float]:
    """Return discs with masks of every IoU, and how far these are from the request, in Dice."""
    wanted = []
    for case in disc_and_bar(number, seed):
        reference = (case.reference == 1).astype(np.int64)
        ids = {"case_id": case.case_id, "patient_id": case.patient_id}
        image = case.image.astype(np.float32)
        wanted.append(sq.Case(image, reference=reference, spacing_mm=(1.0, 1.0), **ids))
    found = corrupt(wanted, FLAT, structures=DISC, seed=seed, progress=False)
    cases = [
        QualityCase(
            each.case.case_id,
            each.case.patient_id,
            each.case.image,
            each.case.mask,
            reference=each.case.reference,
            spacing_mm=(1.0, 1.0),
            corrupted=each.case.corrupted,
        )
        for each in found
    ]
    return cases, found.distance


def real_cases(number: int, seed: int) -> list[QualityCase]:
    """Return discs with masks as a model left them: by these the training stops."""
    return [
        replace(
            case, mask=(case.mask == 1).astype(int), reference=(case.reference == 1).astype(int)
        )
        for case in disc_and_bar(number, seed)
    ]


def _with_other_references(cases: list[QualityCase]) -> list[QualityCase]:
    """Give image and mask of each case to the reference of another: a mask alone tells its kind."""
    order = np.random.default_rng(0).permutation(len(cases))
    return [
        replace(case, reference=cases[other].reference)
        for case, other in zip(cases, order, strict=True)
    ]


@cache
def predicted(loss_kind: str, shuffled: bool = False) -> tuple[np.ndarray, np.ndarray]:
    """Return true and predicted IoU of corrupted masks of patients that did not train."""
    cases, distance = corrupted_cases(100, 1)
    assert distance < 0.03
    net = tiny_net(heads=(CaseHead("iou", loss_kind=loss_kind),), epochs=16)
    cases = [*cases, *real_cases(20, 4)]
    fitted = net.fit(_with_other_references(cases) if shuffled else cases)
    new, _ = corrupted_cases(60, 2)
    dice = true_dice(new)
    said = [fitted.predict(case).features["disc"]["iou"] for case in new]
    return dice / (2.0 - dice), np.array(said)


@pytest.mark.parametrize("loss_kind", ["plain", "focal", "density"])
def test_row_14_failures_are_found_by_a_threshold_on_predicted_iou(loss_kind: str) -> None:
    truth, said = predicted(loss_kind)
    failed = truth < FAILED
    assert 15 < failed.sum() < 50
    assert area_under_roc(-said, failed) > 0.85
    called = said < FAILED
    assert np.mean(called == failed) > 0.75


def test_row_14_twin_masks_with_the_quality_of_others_teach_nothing() -> None:
    truth, said = predicted("plain", shuffled=True)
    assert skill(truth, said) < 0.25
    assert skill(*predicted("plain")) > 0.4


def test_row_14_corrupted_masks_train_and_are_refused_as_features() -> None:
    cases, _ = corrupted_cases(30, 3)
    assert all(case.corrupted for case in cases)
    table = sq.extract_features(
        [
            sq.Case(
                case.image,
                case_id=case.case_id,
                patient_id=case.patient_id,
                mask=case.mask,
                reference=case.reference,
                spacing_mm=(1.0, 1.0),
                corrupted=True,
            )
            for case in cases
        ],
        sq.Predictor(lambda image: np.stack([1 - image[0], image[0]]).clip(0, 1), model_id="m"),
        sq.SinglePass(),
        structures=DISC,
        progress=False,
    )
    with pytest.raises(InputError, match="corrupted"):
        sq.QualityGate().calibrate(table)
