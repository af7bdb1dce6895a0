"""Row 30 (Fournel et al. 2021): Dice of slices and volume fractions give the volume's Dice."""

from functools import cache

import numpy as np
import pandas as pd
import pytest
from literature_row import LiteratureRow
from net_cases import skill
from tiny_volumes import SIDE, slice_net, volumes

from segqc_conformal.calibrators import SliceInterval
from segqc_conformal.dice import dice
from segqc_conformal.quality.net import QualityCase, SliceHead, combine_slices

ROW = LiteratureRow(
    system="Multi-dimensional quality control",
    paper="Fournel et al. (2021)",
    signal="Dice and volume fraction of each slice, combined to the Dice of the volume",
    names=(
        "quality.net.combine_slices",
        "quality.net.SliceHead",
        "calibrators.SliceInterval",
    ),
    asserted="true slices give the true Dice of the volume to 1e-9, missed slices included; a net "
    "on slices judges new volumes; intervals hold for all slices of new patients together",
    reconstruction="the paper's fraction is not at hand: predicted over predicted plus true area "
    "is read into it, with the missed area of slices without a mask.",
)


def numbers_of_slices(mask: np.ndarray, reference: np.ndarray) -> list[np.ndarray]:
    """Return Dice, fraction, area and missed area of each slice along the last axis."""
    slices = [np.moveaxis(one, -1, 0).reshape(one.shape[-1], -1) for one in (mask, reference)]
    a, b = (one.sum(axis=1) for one in slices)
    total = np.maximum(a + b, 1)
    return [2 * (slices[0] & slices[1]).sum(axis=1) / total, a / total, a, np.where(a == 0, b, 0)]


def random_masks(seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Return two masks with slices that one or both of them leave empty."""
    rng = np.random.default_rng(seed)
    masks = rng.random((2, 7, 6, 9)) < rng.uniform(0.1, 0.9, (2, 1, 1, 9))
    masks &= rng.random((2, 1, 1, 9)) < 0.7
    return masks[0], masks[1]


@pytest.mark.parametrize("seed", range(20))
def test_row_30_true_slices_give_the_true_dice_of_the_volume(seed: int) -> None:
    mask, reference = random_masks(seed)
    found = combine_slices(*numbers_of_slices(mask, reference))
    assert found == pytest.approx(dice(mask, reference), abs=1e-9)


def test_row_30_twin_the_mean_over_slices_or_fractions_of_other_slices_would_not() -> None:
    wrong_mean, wrong_fractions, unseen = [], [], []
    for seed in range(20):
        mask, reference = random_masks(seed)
        each, fraction, area, missed = numbers_of_slices(mask, reference)
        truth, seen = dice(mask, reference), area > 0
        wrong_mean.append(abs(each.mean() - truth))
        mixed = fraction.copy()
        mixed[seen] = np.random.default_rng(seed).permutation(fraction[seen])
        wrong_fractions.append(abs(combine_slices(each, mixed, area, missed) - truth))
        unseen.append(combine_slices(each, fraction, area, 0 * missed) - truth)
    assert np.mean(wrong_mean) > 0.05
    assert np.mean(wrong_fractions) > 0.005
    assert min(unseen) >= -1e-12
    assert max(unseen) > 0.02  # without the missed slices a mask looks better than it is


@cache
def learned(shuffled: bool) -> float:
    """Train on volumes, or on volumes with the images of others; compare on new ones."""
    fitted = slice_net(SliceHead()).fit(volumes(40, 1, shuffled))
    new = volumes(30, 2, shuffled)
    truth = [dice(case.mask == 1, case.reference == 1) for case in new]
    said = [fitted.predict(case).features["ball"]["slice_dice"] for case in new]
    return skill(np.array(truth), np.array(said))


def test_row_30_a_net_on_slices_judges_new_volumes() -> None:
    assert learned(shuffled=False) > 0.5


def test_row_30_twin_images_of_other_volumes_do_not() -> None:
    assert learned(shuffled=True) < 0.25


def test_row_30_the_volume_follows_from_the_slices_that_the_net_says() -> None:
    case = volumes(1, 5)[0]
    fitted = slice_net(SliceHead(), epochs=1).fit(volumes(6, 1))
    said = fitted.predict(case)
    rows = said.slices
    assert len(rows) == SIDE
    area = [int((case.mask[..., place] == 1).sum()) for place in rows["slice"]]
    assert rows["area_voxels"].tolist() == area
    seen = rows["area_voxels"] > 0
    total = (rows["area_voxels"] / rows["fraction"]).where(seen, rows["missed_voxels"])
    whole = (total * rows["predicted_dice"].where(seen, 0.0)).sum() / total.sum()
    assert said.features["ball"]["slice_dice"] == pytest.approx(whole, abs=1e-9)
    assert isinstance(case, QualityCase)


def slices_of_patients(number: int, rng: np.random.Generator) -> pd.DataFrame:
    """Predict slices of patients whose errors are shared by all slices of one."""
    sizes = rng.integers(3, 12, number)
    patients = np.repeat(np.arange(number), sizes)
    truth = rng.uniform(0.3, 0.9, patients.size)
    error = np.repeat(rng.normal(0.0, 0.05, number), sizes) + rng.normal(0.0, 0.01, patients.size)
    return pd.DataFrame({"patient": patients, "dice": truth, "predicted": truth + error})


def patients_covered(shuffled: bool) -> float:
    """Return the share of new patients with every slice inside its interval, on average."""
    rng, shares = np.random.default_rng(6), []
    for _ in range(60):
        calibration, new = (slices_of_patients(40, rng) for _ in range(2))
        # shuffled: slices pooled as if each were a patient
        unit = np.arange(len(calibration)) if shuffled else calibration["patient"]
        certificate = SliceInterval(0.1).calibrate(
            calibration["predicted"], calibration["dice"], unit
        )
        low, high = certificate.interval(new["predicted"])
        inside = (new["dice"] >= low) & (new["dice"] <= high)
        shares.append(inside.groupby(new["patient"]).all().mean())
    return float(np.mean(shares))


def test_row_30_intervals_hold_for_all_slices_of_a_new_patient() -> None:
    assert patients_covered(shuffled=False) > 0.9 - 3 * 0.3 / np.sqrt(60 * 20)


def test_row_30_twin_slices_pooled_as_patients_break_them() -> None:
    assert patients_covered(shuffled=True) < 0.9 - 3 * 0.3 / np.sqrt(60 * 20)
