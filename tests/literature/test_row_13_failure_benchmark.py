"""Row 13, Zenk et al. (2024): the failure benchmark's aggregators, Mahalanobis score and AURC."""

from functools import cache
from math import log

import numpy as np
import pandas as pd
import pytest
import torch
from literature_row import LiteratureRow
from scipy.ndimage import distance_transform_edt, uniform_filter
from scipy.stats import betabinom
from torch import nn

import segqc_conformal as sq
from segqc_conformal.evaluation.area_under_risk import aurc, naurc
from segqc_conformal.quality.net import hooked_features

ROW = LiteratureRow(
    system="Failure detection benchmark",
    paper="Zenk et al. (2024), comparative benchmarking of failure detection methods, "
    "arXiv 2406.03323",
    signal="predictive entropy aggregated over the image, the foreground without its boundary, all "
    "but the boundary, by distance to it, and its worst patch; Mahalanobis distance of hooked "
    "features; ranked by AURC",
    names=(
        "uncertainty.accumulator.UncertaintyAccumulator",
        "one_class.OneClass",
        "quality.net.hooked_features",
        "evaluation.area_under_risk.aurc",
    ),
    asserted="each aggregator is what scipy gives by brute force on a random label map, an empty "
    "prediction is never confident, images of another kind have larger Mahalanobis distances, and "
    "AURC is the benchmark's where no scores tie",
    reconstruction="confidence is log(classes) less the entropy; bands are in mm from the "
    "boundary instead of dilated voxels; patches are those that touch the mask, beyond the grid "
    "certain",
    out_of_scope="the VAE, and pooling patches by a Hann window: features are averaged",
)
BAND, DEPTH, PATCH = 2.0, 4.0, 10  # mm = voxels here


def in_the_order_given(score, loss):
    """Trapezoids over coverage [1/n, 1] of one sorted list; what ties hold is left to chance."""
    sorted_loss = loss[np.argsort(-score, kind="stable")]
    risk = np.cumsum(sorted_loss) / np.arange(1, loss.size + 1)
    return (risk[1:] + risk[:-1]).sum() / 2 / loss.size


def test_row_13_aurc_is_the_benchmarks_where_no_scores_tie():
    rng = np.random.default_rng(0)
    for _ in range(5):
        score, loss = rng.random(40), rng.random(40)
        expected = in_the_order_given(score, loss)
        assert aurc(score, loss, convention="trapezoid") == pytest.approx(expected)
    constant = np.full(20, 0.3)
    assert in_the_order_given(rng.random(20), constant) == pytest.approx(0.285)
    assert aurc(rng.random(20), constant, convention="trapezoid") == pytest.approx(0.285)


def test_row_13_ties_have_one_value_where_the_benchmark_has_many():
    rng = np.random.default_rng(1)
    score, loss = rng.integers(0, 4, 20).astype(float), rng.random(20)
    orders = [rng.permutation(20) for _ in range(50)]
    ours = [aurc(score[o], loss[o], convention="trapezoid") for o in orders]
    theirs = [in_the_order_given(score[o], loss[o]) for o in orders]
    assert np.ptp(ours) < 1e-12
    assert np.ptp(theirs) > 0.005


def test_row_13_twin_with_shuffled_scores_ranks_like_chance():
    rng = np.random.default_rng(2)
    loss = rng.random(200)
    assert naurc(-loss + rng.normal(0, 0.05, 200), loss) > 0.9
    assert abs(naurc(rng.permutation(-loss), loss)) < 0.2


def measured(labels: np.ndarray, structure: np.ndarray) -> dict[str, float]:
    """Return the features of a judged mask, of one sample with the probability `structure`."""
    accumulator = sq.UncertaintyAccumulator(
        {"s": 1}, spacing_mm=(1.0, 1.0), schema=sq.FeatureSchema("full")
    )
    accumulator.update(np.stack([1.0 - structure, structure]))
    return accumulator.features(labels)["s"]


def entropy_of(structure: np.ndarray) -> np.ndarray:
    p = np.stack([1.0 - structure, structure]).astype(np.float64)
    return -(p * np.log(p)).sum(axis=0)


def brute_force(entropy: np.ndarray, mask: np.ndarray) -> dict[str, float]:
    """Aggregate by scipy's distance transforms and box filter, in forms other than ours."""
    around = np.pad(mask, 1)  # what lies outside the image is not mask
    depth = distance_transform_edt(around)[1:-1, 1:-1]
    away = distance_transform_edt(~around)[1:-1, 1:-1]
    band = np.where(mask, depth, away) <= BAND
    capped = np.minimum(depth, DEPTH)[mask]
    wide = 2 * PATCH  # centres of windows that hang over the image too
    sums = uniform_filter(np.pad(entropy, wide), PATCH, mode="constant")
    touching = uniform_filter(np.pad(mask, wide).astype(float), PATCH, mode="constant") > 1e-9
    inside = np.zeros_like(touching)  # windows that lie in the image as a whole
    first = wide + PATCH // 2
    inside[first : first + mask.shape[0] - PATCH + 1, first : first + mask.shape[1] - PATCH + 1] = 1
    return {
        "all_mean": entropy.mean(),
        "all_mean_above": entropy[entropy > 0.36].mean(),
        "judged_sum": entropy[mask].sum() / 1000.0,  # voxels of 1 mm^2: nats ml
        "interior_mean": entropy[mask & ~band].mean(),
        "boundary_mean": entropy[band].mean(),
        "not_boundary_sum": entropy[~band].sum() / 1000.0,
        "depth_mean": (entropy[mask] * capped).sum() / capped.sum(),
        "patch_max": sums[inside & touching].max(),
    }


@pytest.mark.parametrize("seed", range(3))
def test_row_13_every_aggregator_is_what_brute_force_gives(seed: int) -> None:
    rng = np.random.default_rng(seed)
    structure = rng.uniform(0.02, 0.98, (32, 28)).astype(np.float32)
    mask = np.zeros(structure.shape, dtype=bool)
    mask[6:20, 5:22] = True
    mask[2:26, 12:19] = rng.random((24, 7)) < 0.9  # a ragged boundary, and holes
    found = {
        name.removeprefix("predictive_entropy_"): value
        for name, value in measured(mask.astype(np.int64), structure).items()
        if name.startswith("predictive_entropy_")
    }
    found["not_boundary_sum"] = found["all_sum"] - found["boundary_sum"]
    expected = brute_force(entropy_of(structure), mask)
    assert {name: found[name] for name in expected} == pytest.approx(expected, abs=1e-5)


def test_row_13_an_empty_prediction_is_never_confident() -> None:
    sure = np.full((32, 28), 0.01, dtype=np.float32)  # background everywhere, and sure of it
    theirs = entropy_of(sure).mean()  # an empty region falls back to the whole image
    found = measured(np.zeros((32, 28), dtype=np.int64), sure)
    assert found["volume_ml"] == 0.0
    for name in ("interior_mean", "boundary_mean", "depth_mean", "patch_max"):
        assert found[f"predictive_entropy_{name}"] == pytest.approx(log(2.0))
    assert theirs < 0.1 * log(2.0)


@cache
def hooked(cases: int, seed: int, smooth: bool = True) -> pd.DataFrame:
    """Average the activations of a network over images, smooth ones or of another kind."""
    torch.manual_seed(0)
    layers = nn.Sequential(nn.Conv2d(1, 8, 3, padding=1), nn.ReLU(), nn.Conv2d(8, 2, 1))
    predictor = sq.Predictor(layers, model_id="tiny")
    rng, rows = np.random.default_rng(seed), []
    for number in range(cases):
        image = rng.normal(size=(1, 16, 16))
        image = uniform_filter(image, (0, 3, 3)) * 3.0 if smooth else image
        deep = hooked_features(predictor, image.astype(np.float32), {"deep": "1"})["deep"]
        rows.append([f"{seed}-{number}", *deep.mean(axis=(1, 2))])
    table = pd.DataFrame(rows, columns=["case_id", *(f"feature_{i}" for i in range(8))])
    identity = {"model_id": "tiny", "sampler_id": "s", "schema_version": "1", "judged": "fused"}
    return table.assign(patient_id=table["case_id"], structure="s", **identity)


def flagged(known: pd.DataFrame, new: pd.DataFrame) -> int:
    distance = sq.OneClass("mahalanobis", dice_threshold=None, false_alarm=0.1)
    return int(distance.calibrate(known).judge(new)["flagged"].sum())


def test_row_13_mahalanobis_of_hooked_features_finds_images_of_another_kind() -> None:
    known = hooked(120, 1)
    assert flagged(known, hooked(30, 3, smooth=False)) >= 27
    low, high = betabinom(60, 6, 55).ppf([0.001, 0.999])  # 60 calibrate: 0.1 * 61 = 6.1
    assert low <= flagged(known, hooked(60, 2)) <= high


def test_row_13_twin_hooked_features_of_other_images_find_nothing() -> None:
    pooled = pd.concat([hooked(120, 1), hooked(30, 3, smooth=False)], ignore_index=True)
    features = [name for name in pooled if name.startswith("feature_")]
    order = np.random.default_rng(0).permutation(len(pooled))
    pooled[features] = pooled[features].to_numpy()[order]
    assert flagged(pooled.iloc[:120], pooled.iloc[120:]) <= betabinom(30, 6, 55).ppf(0.999)
