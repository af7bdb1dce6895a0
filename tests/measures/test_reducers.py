import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from segqc_conformal.measures.reducers import (
    mean_above,
    quantiles,
    share_above,
    weighted_mean,
    weighted_sum,
)

REDUCERS = {
    "mean": lambda values, weights, at: weighted_mean(values, weights),
    "sum": lambda values, weights, at: weighted_sum(values, weights),
    "quantile": lambda values, weights, at: quantiles(values, weights, (at,))[0],
    "mean_above": mean_above,
    "share_above": share_above,
}
VALUES = st.lists(st.floats(0.0, 4.0, width=32), min_size=1, max_size=30)


def brute_force(values: np.ndarray, weights: np.ndarray, kind: str, at: float) -> float:
    above = values > at
    if kind == "quantile":
        order = np.argsort(values, kind="stable")
        reached = np.cumsum(weights[order]) / weights.sum()
        return float(values[order][reached >= at - 1e-9][0])
    return {
        "mean": lambda: np.average(values, weights=weights),
        "sum": lambda: (values * weights).sum(),
        "share_above": lambda: weights[above].sum() / weights.sum(),
        "mean_above": lambda: (
            np.average(values[above], weights=weights[above]) if above.any() else 0.0
        ),
    }[kind]()


@settings(max_examples=100, deadline=None)
@given(
    values=VALUES,
    seed=st.integers(0, 1000),
    weighted=st.booleans(),
    kind=st.sampled_from(list(REDUCERS)),
    at=st.sampled_from([0.0, 0.1, 0.35, 0.5, 0.9, 1.0]),
)
def test_every_reducer_equals_brute_force(values, seed, weighted, kind, at):
    array = np.array(values, dtype=np.float32).astype(np.float64)
    weights = np.random.default_rng(seed).uniform(0.1, 3.0, len(values))
    given_weights = torch.from_numpy(weights) if weighted else None
    result = REDUCERS[kind](torch.tensor(values), given_weights, at)
    expected = brute_force(array, weights if weighted else np.ones(len(values)), kind, at)
    assert result == pytest.approx(expected, rel=1e-6, abs=1e-12)
    assert type(result) is float


@pytest.mark.parametrize("count", [1, 2, 10, 20, 30])
def test_quantiles_equal_numpy(count):
    levels = [0.0, 0.1, 0.25, 0.5, 0.75, 0.9, 1.0]
    values = np.random.default_rng(count).normal(size=count)
    expected = np.quantile(values, levels, method="inverted_cdf").tolist()
    assert quantiles(torch.from_numpy(values), None, levels) == expected
    assert quantiles(torch.from_numpy(values), torch.full((count,), 0.3), levels) == expected


def test_masks_are_counted():
    mask = torch.tensor([True, False, True])
    assert weighted_sum(mask) == 2.0
    assert weighted_sum(mask, torch.tensor([0.5, 1.0, 0.25])) == 0.75


def test_sums_are_accumulated_in_float64():
    values = torch.full((2**24 + 64,), 0.1)
    assert weighted_sum(values) == pytest.approx(len(values) * float(values[0]), rel=1e-12)


def test_sum_of_nothing_is_zero():
    assert weighted_sum(torch.zeros(0)) == 0.0
