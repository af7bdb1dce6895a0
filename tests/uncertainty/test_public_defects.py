"""Known defects of public code beside our values: theirs shows the defect, ours is right.

What MONAI does is run, in the version installed here; of code that cannot be installed, the
documented behaviour is stated again in a few lines of our own.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import log

import numpy as np
import pytest
import torch
from monai.data.test_time_augmentation import TestTimeAugmentation
from monai.metrics.active_learning_metrics import compute_variance
from monai.metrics.generalized_dice import compute_generalized_dice
from monai.transforms.compose import Compose
from monai.transforms.spatial.dictionary import RandFlipd
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

from segqc_conformal.measures.schema import FeatureSchema
from segqc_conformal.uncertainty.accumulator import UncertaintyAccumulator

Maps = dict[str, NDArray[np.float32]]


def maps_of(samples: Sequence[NDArray[np.floating]], *names: str) -> Maps:
    accumulator = UncertaintyAccumulator({"lesion": 1}, maps=names)
    for sample in samples:
        accumulator.update(sample)
    return accumulator.maps(names)


def features_of(
    samples: Sequence[NDArray[np.floating]],
    schema: str = "standard",
    spacing: tuple[float, ...] | None = None,
) -> dict[str, float]:
    accumulator = UncertaintyAccumulator({"lesion": 1}, spacing, schema=FeatureSchema(schema))
    for sample in samples:
        accumulator.update(sample)
    return accumulator.features()["lesion"]


def same_everywhere(*probabilities: float) -> NDArray[np.float32]:
    return np.broadcast_to(
        np.array(probabilities, dtype=np.float32)[:, None, None, None],
        (len(probabilities), 4, 4, 4),
    ).copy()


def of_volume(voxels: int, shape: tuple[int, ...] = (16, 16)) -> NDArray[np.float32]:
    """Certain one-channel probabilities with this many voxels of the structure."""
    mask = np.zeros(int(np.prod(shape)), dtype=np.float32)
    mask[:voxels] = 1.0
    return mask.reshape(1, *shape)


# MONAI's compute_variance, as its VarianceMetric and MONAI Label's epistemic scoring call it


@pytest.mark.parametrize(
    ("probabilities", "theirs"), [((0.999, 0.001), 0.249001), ((0.5, 0.5), 0.0)]
)
def test_spread_between_classes_is_no_variance_of_identical_samples(
    probabilities: tuple[float, float], theirs: float
) -> None:
    repeats = [same_everywhere(*probabilities)] * 10
    found = compute_variance(torch.tensor(np.stack(repeats)))
    assert float(found) == pytest.approx(theirs, abs=1e-6)
    assert maps_of(repeats, "variance")["variance"].max() == 0.0


def test_disagreement_between_samples_is_variance() -> None:
    # Theirs gives the same number to five samples of each class and to ten that all agree.
    agreeing = [same_everywhere(1.0, 0.0)] * 10
    disagreeing = [same_everywhere(1.0, 0.0)] * 5 + [same_everywhere(0.0, 1.0)] * 5
    theirs = [float(compute_variance(torch.tensor(np.stack(s)))) for s in (agreeing, disagreeing)]
    assert theirs[0] == pytest.approx(theirs[1], abs=1e-9)
    ours = [maps_of(samples, "variance")["variance"] for samples in (agreeing, disagreeing)]
    assert ours[0].max() == 0.0
    assert ours[1].min() == pytest.approx(0.25)


def test_the_callers_zeros_are_left_alone() -> None:
    repeats = torch.tensor(np.stack([same_everywhere(1.0, 0.0)] * 3))
    before = repeats.clone()
    accumulator = UncertaintyAccumulator({"lesion": 1}, maps=("variance",))
    for sample in repeats:
        accumulator.update(sample)
    accumulator.maps()
    assert torch.equal(repeats, before)
    compute_variance(repeats)
    assert repeats.min() == pytest.approx(0.0005)  # theirs: zeros overwritten in place


# MONAI's TestTimeAugmentation


def test_volume_variation_is_of_volumes_not_of_voxels() -> None:
    volumes = (8, 10, 12)
    masks = iter([torch.from_numpy(of_volume(volume))[None] for volume in volumes])
    augmentation = TestTimeAugmentation(
        Compose([RandFlipd("image", prob=0.0)]),
        batch_size=1,
        inferrer_fn=lambda _: next(masks),
        apply_inverse_to_pred=False,
        progress=False,
    )
    *_, theirs = augmentation({"image": torch.zeros(1, 16, 16)}, num_examples=3)
    true = np.std(volumes, ddof=1) / np.mean(volumes)
    assert true == pytest.approx(0.2)
    assert theirs == pytest.approx(np.sqrt(246 / 10), rel=1e-3)  # sqrt((1 - p) / p), p = 10 / 256
    ours = features_of([of_volume(volume) for volume in volumes])["volume_cv"]
    assert ours == pytest.approx(true, rel=1e-12)


def test_volume_variation_does_not_grow_with_the_field_of_view() -> None:
    samples = [of_volume(8), of_volume(12)]
    wider = [np.pad(sample, ((0, 0), (24, 24), (24, 24))) for sample in samples]
    theirs = [np.std(s) / np.mean(s) for s in (samples, wider)]
    assert theirs[1] > 4 * theirs[0]
    narrow, wide = (features_of(s)["volume_cv"] for s in (samples, wider))
    assert narrow == wide


# MONAI's compute_generalized_dice, pair by pair as the failure-detection benchmark calls it


def one_hot(mask: NDArray[np.int64]) -> torch.Tensor:
    return torch.nn.functional.one_hot(torch.from_numpy(mask), 3).movedim(-1, 0)[None].float()


FIRST = np.array([[1, 1, 1, 1, 2, 0, 0, 0]])
SECOND = np.array([[1, 1, 0, 0, 2, 2, 2, 2]])


def test_pairwise_dice_does_not_depend_on_the_order_of_the_samples() -> None:
    masks = one_hot(FIRST), one_hot(SECOND)
    forth, back = (
        float(
            compute_generalized_dice(a, b, include_background=False, sum_over_classes=True).item()
        )
        for a, b in (masks, masks[::-1])
    )
    # Class Dice 2/3 and 2/5; weights 1/2^2, 1/4^2 of the second mask, or 1/4^2, 1/1^2 of the first.
    assert forth == pytest.approx((4 / 4 + 2 / 16) / (6 / 4 + 5 / 16))
    assert back == pytest.approx((4 / 16 + 2 / 1) / (6 / 16 + 5 / 1))
    assert abs(forth - back) > 0.15
    structures = {"first": 1, "second": 2}
    found = []
    for pair in (masks, masks[::-1]):
        accumulator = UncertaintyAccumulator(structures)
        for mask in pair:
            accumulator.update(mask[0])
        found.append([accumulator.features()[name]["pairwise_dice"] for name in structures])
    assert found[0] == found[1] == pytest.approx([2 / 3, 2 / 5])


def test_generalized_dice_of_this_version_is_plain_dice_of_each_class() -> None:
    # Without sum_over_classes the weights cancel, and a number for each class comes back, which
    # the benchmark's `.squeeze()` to one number no longer fits.
    found = compute_generalized_dice(one_hot(FIRST), one_hot(SECOND), include_background=False)
    assert found.shape == (1, 2)
    assert found[0].tolist() == pytest.approx([2 / 3, 2 / 5])
    with pytest.raises(RuntimeError, match="2 elements"):
        found.squeeze().item()


# Zenk et al., arXiv 2406.03323, weighted aggregation of confidence: an empty mask becomes all ones


def foreground_confidence(samples: Sequence[NDArray[np.float32]]) -> float:
    """Average confidence over the predicted foreground, by the benchmark's documented rule."""
    p = np.mean(samples, axis=0)
    p = np.concatenate([1 - p, p])
    entropy = -np.sum(p * np.log(np.clip(p, 1e-12, 1)), axis=0)
    weight = (p[1] > 0.5).astype(float)
    if not weight.any():
        weight[:] = 1.0
    return float(log(2) - np.average(entropy, weights=weight))


def test_an_empty_prediction_is_not_the_most_confident_one() -> None:
    found = np.full((1, 16, 16), 0.001, dtype=np.float32)
    missed = found.copy()
    found[0, 4:10, 4:10], missed[0, 4:10, 4:10] = 0.95, 0.02
    assert foreground_confidence([missed]) > foreground_confidence([found])
    for name in ("predictive_entropy", "expected_entropy", "mutual_information"):
        assert features_of([missed])[name] == pytest.approx(log(2))
        assert features_of([found])[name] < 0.25
    assert features_of([missed])["volume_ml"] == 0.0  # the stratum is marked
    assert features_of([missed])["mean_probability"] == 0.0


def test_no_region_of_an_empty_prediction_looks_certain() -> None:
    empty = features_of([np.full((1, 8, 8), 0.001, dtype=np.float32)], schema="full")
    of_structure = [
        name for name in empty if name.startswith("predictive_entropy_") and "_mean" in name
    ]
    assert of_structure
    for name in of_structure:
        if "_all_" not in name and "_exterior_" not in name:
            assert empty[name] == pytest.approx(log(2)), name


# Kahl et al. (ValUES), ICLR 2024: the worst patch, by the sum over windows of 10 voxels


def entropy_of(p: NDArray[np.float32]) -> NDArray[np.float64]:
    q = p[0].astype(np.float64)
    return -q * np.log(q) - (1 - q) * np.log(1 - q)


def window_sums(p: NDArray[np.float32]) -> NDArray[np.float64]:
    return sliding_window_view(entropy_of(p), (10, 10)).sum((-1, -2))


def test_worst_patch_is_a_mean_of_one_place() -> None:
    p = np.full((1, 30, 30), 0.99, dtype=np.float32)
    p[0, :10, 20:] = p[0, 20:, :10] = 0.6  # two patches, equally uncertain
    sums = window_sums(p)
    uncertain, certain = (float(entropy_of(p)[place]) for place in ((0, 20), (0, 0)))
    assert sums.max() == pytest.approx(100 * uncertain)  # no entropy: that is log 2 at most
    hits = np.nonzero(np.isclose(sums, sums.max()))
    assert list(zip(*hits, strict=True)) == [(0, 20), (20, 0)]
    first_of_each_axis = tuple(axis.min() for axis in hits)
    assert first_of_each_axis == (0, 0)
    assert sums[first_of_each_axis] == pytest.approx(100 * certain)
    ours = features_of([p], "full", (1.0, 1.0))["predictive_entropy_patch_max"]
    assert ours == pytest.approx(uncertain, rel=1e-6)


def test_worst_patch_does_not_depend_on_the_voxel_size() -> None:
    rng = np.random.default_rng(2)
    p = (0.9 - 0.3 * rng.random((1, 24, 24))).astype(np.float32)
    finer = p.repeat(2, axis=1).repeat(2, axis=2)  # the same picture, voxels half as large
    theirs = [window_sums(q).max() for q in (p, finer)]
    assert abs(theirs[1] / theirs[0] - 1) > 0.05
    coarse, fine = (
        features_of([q], "full", (size, size))["predictive_entropy_patch_max"]
        for q, size in ((p, 1.0), (finer, 0.5))
    )
    assert coarse == pytest.approx(theirs[0] / 100, rel=1e-6)
    # The same windows are among the finer ones, and those between hardly differ.
    assert coarse * (1 - 1e-6) <= fine <= coarse * 1.01


# Bayesian QuickNAT: the MATLAB original and its PyTorch port


def matlab_cv(volumes: Sequence[float]) -> np.floating:
    return 100 * np.std(volumes, ddof=1) / np.mean(volumes)


def port_cv(volumes: Sequence[float]) -> np.floating:
    return np.std(volumes) / np.mean(volumes)


def test_volume_variation_has_one_definition_and_is_finite() -> None:
    volumes = [8.0, 10.0, 15.0]
    assert matlab_cv(volumes) / 100 == pytest.approx(port_cv(volumes) * np.sqrt(3 / 2))
    ours = features_of([of_volume(int(volume)) for volume in volumes])["volume_cv"]
    assert ours == pytest.approx(matlab_cv(volumes) / 100, rel=1e-12)
    with np.errstate(invalid="ignore"):
        assert np.isnan(matlab_cv([0.0, 0.0]))
        assert np.isnan(port_cv([0.0, 0.0]))
    assert features_of([of_volume(0), of_volume(0)])["volume_cv"] == 0.0
    some_empty = features_of([of_volume(0), of_volume(0), of_volume(9)])["volume_cv"]
    assert some_empty == pytest.approx(np.sqrt(3))


def test_two_empty_masks_agree_by_one_rule() -> None:
    both = np.zeros((2, 16), dtype=bool)
    intersection, union = float(both.all(0).sum()), float(both.any(0).sum())
    matlab = intersection / (union + np.finfo(float).eps)
    port = 1.0 if union == 0 else intersection / union
    assert (matlab, port) == (0.0, 1.0)
    ours = features_of([of_volume(0), of_volume(0)])
    assert (ours["iou_all"], ours["pairwise_dice"], ours["pairwise_dice_min"]) == (1.0, 1.0, 1.0)


# DEviS: its calibration error and its entropy


def calibration_error(confidence: NDArray[np.floating], right: NDArray[np.bool_]) -> float:
    """Expected calibration error in ten bins."""
    bins = np.minimum((confidence * 10).astype(int), 9)
    gaps = [
        abs(right[bins == b].mean() - confidence[bins == b].mean()) * np.mean(bins == b)
        for b in np.unique(bins)
    ]
    return float(sum(gaps))


def test_confidence_is_the_probability_of_the_label_not_the_label() -> None:
    # 0.75 is the probability of label 1, and right three times in four: calibrated.
    sample = np.full((1, 40, 1), 0.75, dtype=np.float32)
    right = np.arange(40) % 4 != 0
    label = (sample[0, :, 0] > 0.5).astype(float)
    assert calibration_error(label, right) == pytest.approx(0.25)
    confidence = maps_of([sample], "confidence")["confidence"].reshape(-1)
    assert calibration_error(confidence, right) == pytest.approx(0.0, abs=1e-7)


def entropy_without_background(p: NDArray[np.floating]) -> NDArray[np.floating]:
    return -np.sum(p[1:] * np.log(p[1:]), axis=0)


@pytest.mark.parametrize("kind", ["predictive_entropy", "expected_entropy"])
def test_entropy_counts_the_background(kind: str) -> None:
    even, nearly_background = same_everywhere(0.5, 0.5), same_everywhere(0.63, 0.37)
    theirs = [entropy_without_background(p).max() for p in (even, nearly_background)]
    assert theirs[0] == pytest.approx(log(2) / 2)  # half of the true value, and
    assert theirs[1] > theirs[0]  # the more certain voxel looks more uncertain
    ours = [maps_of([p], kind)[kind].max() for p in (even, nearly_background)]
    assert ours[0] == pytest.approx(log(2))
    assert ours[1] < ours[0]
