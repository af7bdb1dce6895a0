import numpy as np
import pytest
import torch

from segqc_conformal.uncertainty.buffers import Buffers, empty_buffers
from segqc_conformal.uncertainty.layout import Layout
from segqc_conformal.uncertainty.moments import LOG_FLOOR, add_sample

LAYOUT = Layout("exclusive", 3, (200,))
ALL = frozenset({"mean", "spread", "logs", "expected", "one_vs_rest"})


def filled(samples: np.ndarray, needs: frozenset[str] = ALL) -> Buffers:
    buffers = empty_buffers(needs, LAYOUT, [1, 2], torch.device("cpu"))
    for count, sample in enumerate(samples):
        add_sample(buffers, torch.from_numpy(sample)[None], count)
    return buffers


def random_samples(number: int = 30) -> np.ndarray:
    p = np.random.default_rng(0).dirichlet([0.05, 0.3, 1.0], (number, 200))
    return np.moveaxis(p, -1, 1).astype(np.float32)


@pytest.mark.parametrize("number", [1, 2, 30])
def test_buffers_equal_sums_over_all_samples(number):
    samples = random_samples(number)
    buffers, p = filled(samples), samples.astype(np.float64)
    logs = np.log(np.maximum(p, 1e-300))
    rest = 1 - p[:, 1:]
    np.testing.assert_allclose(buffers.mean[0], p.mean(0), rtol=1e-12, atol=1e-15)
    np.testing.assert_allclose(buffers.spread[0], p.var(0) * number, rtol=1e-5, atol=1e-10)
    np.testing.assert_allclose(buffers.logs[0], np.maximum(logs, LOG_FLOOR).sum(0), rtol=1e-12)
    np.testing.assert_allclose(buffers.expected[0], (p * logs).sum((0, 1)), rtol=1e-12)
    binary = (p * logs)[:, 1:] + rest * np.log(np.maximum(rest, 1e-300))
    np.testing.assert_allclose(buffers.one_vs_rest, binary.sum(0), atol=number * 1e-7)


def test_float32_mean_stays_within_1e_6_for_many_samples():
    samples = random_samples(80)
    mean = filled(samples, frozenset({"mean"})).mean
    assert mean.dtype == torch.float32
    np.testing.assert_allclose(mean[0], samples.astype(np.float64).mean(0), atol=1e-6)


def test_identical_samples_keep_the_mean_exactly_and_have_no_spread():
    sample = random_samples(1)
    for needs in (ALL, frozenset({"mean"})):
        buffers = filled(sample.repeat(77, axis=0), needs)
        np.testing.assert_array_equal(buffers.mean, sample)
    assert not filled(sample.repeat(77, axis=0)).spread.any()


@pytest.mark.parametrize("value", [0.0, 1e-45, 1e-40, 1e-30, 1.0])
def test_extreme_probabilities_stay_finite(value):
    sample = np.full((3, 200), value, np.float32)
    buffers = filled(np.stack([sample, sample]))
    for name in sorted(ALL):
        assert torch.isfinite(getattr(buffers, name)).all(), name
    assert buffers.expected.abs().max() < 1e-27


def test_part_is_a_view_of_all_buffers():
    buffers = filled(random_samples(2))
    part = buffers.part(slice(3, 5))
    assert part.held == buffers.held == ALL
    part.mean.zero_()
    assert not buffers.mean[..., 3:5].any()
    assert buffers.mean[..., 5].any()
