from itertools import combinations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from segqc_conformal.dice import dice_from_volumes
from segqc_conformal.measures import agreement, agreement_spread, voting

SHAPES = st.sampled_from([(14,), (9, 8), (7, 6, 8)])
KINDS = st.sampled_from(["blob", "noise", "empty", "full", "one voxel", "corner"])


def overlap(a: np.ndarray, b: np.ndarray, w: np.ndarray) -> float:
    return float(dice_from_volumes(w[a & b].sum(), w[a].sum(), w[b].sum()))


def quantile(values: list[float], percent: int) -> float:
    return float(np.quantile(values, percent / 100, method="inverted_cdf"))


def brute_force(masks: np.ndarray, judged: np.ndarray, w: np.ndarray) -> dict[str, float]:
    pairs = [overlap(a, b, w) for a, b in combinations(masks, 2)] or [1.0]
    to_judged = [overlap(mask, judged, w) for mask in masks]
    volumes = np.array([w[mask].sum() for mask in masks])
    shares, union = masks.mean(0), w[masks.any(0)].sum()
    inner = shares[judged]
    entropies = [-sum(q * np.log(q) for q in (v, 1 - v) if q > 0) for v in inner]
    size = w[judged].sum()
    cv = volumes.std(ddof=1) / volumes.mean() if len(masks) > 1 and volumes.any() else 0.0
    both = volumes.mean() + size
    return {
        "pairwise_dice": np.mean(pairs),
        "pairwise_dice_min": min(pairs),
        **{
            f"pairwise_dice_q{q}": np.quantile(pairs, q / 100, method="inverted_cdf")
            for q in (10, 50, 90)
        },
        "sample_dice_mean": np.mean(to_judged),
        "sample_dice_min": min(to_judged),
        **{
            f"sample_dice_q{q}": np.quantile(to_judged, q / 100, method="inverted_cdf")
            for q in (10, 50, 90)
        },
        "iou_all": w[masks.all(0)].sum() / union if union else 1.0,
        "volume_cv": cv,
        "sample_volume_bias": (volumes.mean() - size) / both if both else 0.0,
        "majority_dice": overlap(shares > 0.5, judged, w),
        "vote_share": np.average(inner, weights=w[judged]) if size else 0.0,
        "vote_entropy": np.average(entropies, weights=w[judged]) if size else np.log(2),
        "vote_soft_dice": float(
            dice_from_volumes((w * shares)[judged].sum(), (w * shares).sum(), size)
        ),
    }


@settings(max_examples=80, deadline=None)
@given(
    shape=SHAPES,
    kind=KINDS,
    seed=st.integers(0, 10**6),
    samples=st.sampled_from([1, 2, 5, 11]),
    weighted=st.booleans(),
)
def test_agreement_and_votes_equal_brute_force(draw, shape, kind, seed, samples, weighted):
    shape = (int(np.prod(shape)),) if weighted else shape
    weights = np.random.default_rng(seed).uniform(0.1, 3.0, shape) if weighted else None
    case = draw(seed, shape, kind, samples=samples, weights=weights)
    result = {
        **agreement.agreement(case.structure),
        **agreement_spread.agreement_spread(case.structure),
        **voting.voting(case.structure),
    }
    expected = brute_force(case.masks, case.judged, np.ones(shape) if weights is None else weights)
    assert result.keys() == expected.keys()
    for name, value in expected.items():
        assert result[name] == pytest.approx(value, rel=1e-6, abs=1e-9), name
        assert type(result[name]) is float


def test_volume_cv_reaches_its_bound_where_one_sample_alone_is_not_empty(draw):
    case = draw(0, (6, 6), samples=4)
    planes = type(case.structure.planes)()
    for mask in [case.structure.judged, *[case.structure.judged & False] * 3]:
        planes.add(mask)
    structure = type(case.structure)(
        "a", None, 2, {}, planes, case.structure.judged, case.structure.labels, (1.0, 1.0)
    )
    assert agreement.agreement(structure)["volume_cv"] == pytest.approx(2.0, rel=1e-12)
