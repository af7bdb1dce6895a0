"""Row 32, Saalbach et al. (2014): masks unlike the good ones, by their shape alone."""

import numpy as np
import pandas as pd
import pytest
from literature_row import LiteratureRow
from scipy.stats import betabinom, kstest

import segqc_conformal as sq
from segqc_conformal.corruption import ReferenceMasks, elastic

ROW = LiteratureRow(
    system="Outlier detection of segmentation results",
    paper="Saalbach et al. (2014), learning from good segmentations only",
    signal="how unlike the shape of a mask is to the shapes of good masks, by a one-class model, "
    "as a conformal p-value",
    names=("one_class.OneClass", "one_class.CalibratedOneClass"),
    asserted="with no bad mask ever seen, deformed masks get small p-values, while those of good "
    "masks are uniform and flagged at the exact false alarm rate",
    reconstruction="the abstract is what was at hand: shape features and one-class models are this "
    "package's own",
    out_of_scope="boundary features of the image: only the mask is looked at here",
)
SIDE, ALARM = 32, 0.1
SHAPE = [
    f"feature_{name}"
    for name in ("log_volume", "sphericity", "extent", "solidity", "elongation", "component_count")
]
SCHEMA = sq.FeatureSchema("aggregate")


def organ(rng: np.random.Generator) -> np.ndarray:
    y, x = np.indices((SIDE, SIDE)) - rng.uniform(14.0, 18.0, (2, 1, 1))
    turned = rng.uniform(-0.3, 0.3)
    along, across = x * np.cos(turned) + y * np.sin(turned), y * np.cos(turned) - x * np.sin(turned)
    return (along / rng.normal(10.0, 0.6)) ** 2 + (across / rng.normal(6.0, 0.4)) ** 2 <= 1.0


def deformed(mask: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    return elastic(ReferenceMasks(mask[None], (1.0, 1.0)), rng)(0.35)[0]


def shapes(cases: int, seed: int, good: bool = True) -> pd.DataFrame:
    rng, rows = np.random.default_rng(seed), []
    for number in range(cases):
        mask = organ(rng) if good else deformed(organ(rng), rng)
        accumulator = sq.UncertaintyAccumulator({"organ": 1}, schema=SCHEMA)
        accumulator.update(np.stack([~mask, mask]).astype(np.float32))
        found = accumulator.features(mask.astype(np.int64))["organ"]
        rows.append([f"{seed}-{number}", *(found[name[8:]] for name in SHAPE)])
    table = pd.DataFrame(rows, columns=["case_id", *SHAPE])
    identity = {"model_id": "m", "sampler_id": "s", "schema_version": "1", "judged": "deployed"}
    return table.assign(patient_id=table["case_id"], structure="organ", **identity)


def rate(known: pd.DataFrame, new: pd.DataFrame, method: str) -> float:
    settings = sq.OneClass(method, SHAPE, dice_threshold=None, false_alarm=ALARM)
    return float(settings.calibrate(known).judge(new)["flagged"].mean())


@pytest.fixture(scope="module")
def known() -> pd.DataFrame:
    return shapes(120, 1)


@pytest.fixture(scope="module")
def good() -> pd.DataFrame:
    return shapes(60, 2)


@pytest.fixture(scope="module")
def bad() -> pd.DataFrame:
    return shapes(30, 3, good=False)


@pytest.mark.parametrize("method", ["mahalanobis", "nearest", "svm"])
def test_row_32_deformed_masks_are_found_though_none_was_seen(known, bad, method: str) -> None:
    assert rate(known, bad, method) > 0.9


@pytest.mark.parametrize("method", ["mahalanobis", "nearest", "svm"])
def test_row_32_good_masks_are_flagged_at_the_exact_rate(known, good, method: str) -> None:
    low, high = betabinom(60, 6, 55).ppf([0.001, 0.999]) / 60  # 60 calibrate: 0.1 * 61 = 6.1
    assert low <= rate(known, good, method) <= high


def test_row_32_p_values_of_good_masks_are_uniform(known, good) -> None:
    calibrated = sq.OneClass(features=SHAPE, dice_threshold=None).calibrate(known)
    p = calibrated.judge(good)["p_value"] - np.random.default_rng(0).random(60) / 61
    assert kstest(p, "uniform").pvalue > 0.01


def test_row_32_twin_shapes_of_shuffled_masks_tell_nothing(known, good, bad) -> None:
    pooled = pd.concat([known, good, bad], ignore_index=True)
    order = np.random.default_rng(0).permutation(len(pooled))
    pooled[SHAPE] = pooled[SHAPE].to_numpy()[order]
    at_most = betabinom(30, 6, 55).ppf(0.999) / 30  # as of good masks
    assert rate(pooled.iloc[:120], pooled.iloc[180:], "mahalanobis") <= at_most
