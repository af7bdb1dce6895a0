"""Targets of the heads, to the digit, and what their outputs mean."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from net_cases import BOTH, SIDE, disc_and_bar, discs, tiny_net, true_dice
from tiny_volumes import slice_net, volumes

from segqc_conformal.errors import InputError
from segqc_conformal.quality.net import (
    CaseHead,
    GoodHead,
    GradeHead,
    PatchHead,
    QualityCase,
    SliceHead,
    VoxelHead,
)
from segqc_conformal.quality.net.losses import share_loss


def target(head: object, case: QualityCase, structures: dict[str, int]) -> torch.Tensor:
    seen = tiny_net(heads=(head,), structures=structures).preparing.seen(case)
    return head.target(seen)


def test_the_target_of_the_case_head_is_the_metric_of_each_structure() -> None:
    case = disc_and_bar(1, 3)[0]
    dice = [true_dice([case], label)[0] for label in BOTH.values()]
    assert target(CaseHead(), case, BOTH)[0].tolist() == pytest.approx(dice)
    iou = [each / (2 - each) for each in dice]
    assert target(CaseHead("iou"), case, BOTH)[0].tolist() == pytest.approx(iou)


def test_another_metric_is_read_from_the_case_and_missed_by_name() -> None:
    case = discs(1, 3, metrics={"hd95_mm": {"disc": 7.5}})[0]
    head = CaseHead("hd95_mm", bounded=False)
    assert target(head, case, {"disc": 1}).tolist() == [[7.5]]
    with pytest.raises(InputError, match=r"case c3-0: expected hd95_mm of disc >= 0 and <= 1"):
        target(CaseHead("hd95_mm"), case, {"disc": 1})
    with pytest.raises(InputError, match="received nan"):
        target(head, replace(case, image=case.image[0], metrics={}), {"disc": 1})


def test_an_unbounded_metric_is_predicted_in_its_own_unit() -> None:
    cases = discs(80, 1)
    slips = [{"slip_mm": {"disc": 20.0 * (1.0 - dice)}} for dice in true_dice(cases)]
    told = [
        replace(case, image=case.image[0], metrics=slip)
        for case, slip in zip(cases, slips, strict=True)
    ]
    fitted = tiny_net(heads=(CaseHead("slip_mm", bounded=False),)).fit(told)
    said = [fitted.predict(case).features["disc"]["slip_mm"] for case in discs(30, 2)]
    truth = 20.0 * (1.0 - true_dice(discs(30, 2)))
    assert np.abs(said - truth).mean() < 0.6 * np.abs(truth - truth.mean()).mean()
    assert min(said) >= 0.0


def test_the_loss_of_a_share_is_least_at_the_share() -> None:
    logits = torch.linspace(-4, 4, 801)
    losses = share_loss(logits, torch.full_like(logits, 0.3))
    assert logits[losses.argmin()].sigmoid().item() == pytest.approx(0.3, abs=0.005)
    assert losses.min().item() == pytest.approx(0.0, abs=1e-4)


def test_the_target_of_the_voxel_head_is_where_mask_and_reference_differ() -> None:
    case = disc_and_bar(1, 3)[0]
    found = target(VoxelHead(), case, BOTH)[0]
    for row, label in enumerate(BOTH.values()):
        assert np.array_equal(found[row] > 0, (case.mask == label) != (case.reference == label))


def test_the_target_of_the_patch_head_are_patches_with_an_intolerable_error() -> None:
    reference, mask = np.zeros((2, SIDE, SIDE), int)
    reference[0:4, 0:4] = mask[0:4, 0:4] = 1
    mask[9:11, 14:16] = 1
    case = QualityCase("c", "p", reference * 1.0, mask, reference=reference)
    found = target(PatchHead(4, 2.0, 2.0, 4), case, {"disc": 1})[0, 0]
    assert found.nonzero().tolist() == [[2, 3]]
    assert not target(PatchHead(4, 2.0, 2.0, 5), case, {"disc": 1}).any()


def test_a_patch_head_finds_the_failing_patches_of_new_cases() -> None:
    head = PatchHead(4, 1.0, 1.0, 3)
    fitted = tiny_net(heads=(head,)).fit(discs(80, 1))
    new = discs(40, 2)
    truth = np.stack([target(head, case, {"disc": 1})[0, 0].numpy() > 0 for case in new])
    said = np.stack([fitted.predict(case).maps["failure"][0, ::4, ::4] for case in new])
    assert said[truth].mean() > said[~truth].mean() + 0.3


def test_a_patch_larger_than_the_deepest_step_is_refused() -> None:
    with pytest.raises(InputError, match="a patch of at most 4 voxels"):
        tiny_net(heads=(PatchHead(8),)).fit(discs(5, 1))


def test_good_is_a_dice_above_the_threshold_in_the_worst_structure() -> None:
    case = disc_and_bar(1, 3)[0]
    worst = min(true_dice([case], label)[0] for label in BOTH.values())
    assert target(GoodHead(worst - 0.01), case, BOTH).tolist() == [[1.0]]
    assert target(GoodHead(worst), case, BOTH).tolist() == [[0.0]]


def test_the_target_of_a_grade_says_which_grades_are_reached() -> None:
    case = discs(1, 1, grade=2)[0]
    assert target(GradeHead(5), case, {"disc": 1}).tolist() == [[1.0, 1.0, 0.0, 0.0]]
    with pytest.raises(InputError, match="a grade from 0 to 1; received 2"):
        target(GradeHead(2), case, {"disc": 1})


def test_the_target_of_the_slice_head_are_the_numbers_of_each_slice() -> None:
    case = volumes(1, 3)[0]
    found = SliceHead().target(slice_net(SliceHead()).preparing.seen(case)).double().numpy()
    a = (case.mask == 1).sum(axis=(0, 1))
    b = (case.reference == 1).sum(axis=(0, 1))
    both = ((case.mask == 1) & (case.reference == 1)).sum(axis=(0, 1))
    some = a + b > 0
    assert np.allclose(found[some, 0, 0], 2 * both[some] / (a + b)[some])
    assert np.allclose(found[some, 0, 1], a[some] / (a + b)[some])
    assert np.allclose(found[:, 0, 2], np.where(a == 0, b, 0) / SIDE**2)


def test_a_case_without_a_reference_does_not_train() -> None:
    cases = [replace(case, image=case.image[0], reference=None) for case in discs(5, 1)]
    for head in (CaseHead(), VoxelHead(), PatchHead(4), GoodHead()):
        with pytest.raises(InputError, match="case c1-0: expected a case with a reference mask"):
            tiny_net(heads=(head,)).fit(cases)
