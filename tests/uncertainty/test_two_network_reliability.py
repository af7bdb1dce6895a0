import numpy as np
import pytest
import torch

from segqc_conformal.errors import GeometryError, InputError
from segqc_conformal.uncertainty.two_network_reliability import (
    mean_reliability,
    two_network_reliability,
)


def draw(*shape: int, seed: int = 0) -> torch.Tensor:
    return torch.from_numpy(np.random.default_rng(seed).normal(size=shape))


def test_reliability_equals_a_voxelwise_loop():
    ours, theirs = (torch.softmax(2 * draw(3, 4, 5, seed=seed), 0) for seed in (0, 1))
    features = draw(6, 4, 5, seed=2)
    p, q, f = (t.numpy().reshape(len(t), -1) for t in (theirs, ours, features))
    expected = np.zeros(20)
    prototypes = [np.average(f, axis=1, weights=p[c]) for c in range(3)]
    for v in range(20):
        if -(q[:, v] * np.log(q[:, v])).sum() > -(p[:, v] * np.log(p[:, v])).sum():
            cosines = [
                m @ f[:, v] / np.linalg.norm(m) / np.linalg.norm(f[:, v]) for m in prototypes
            ]
            expected[v] = np.mean([1 - (m - p[c, v]) ** 2 for c, m in enumerate(cosines)])
    found = two_network_reliability(ours, theirs, features)
    assert found.dtype == torch.float32
    np.testing.assert_allclose(found, expected.reshape(4, 5), atol=1e-6)
    assert 0 < np.count_nonzero(expected) < 20


def test_equally_sure_networks_do_not_teach_each_other():
    p = torch.softmax(draw(2, 9), 0)
    assert not two_network_reliability(p, p, draw(3, 9)).any()


def test_non_negative_features_keep_the_weight_between_0_and_1():
    ours, theirs = torch.full((2, 50), 0.5), torch.softmax(3 * draw(2, 50), 0)
    found = two_network_reliability(ours, theirs, draw(4, 50, seed=1).abs())
    assert 0 <= found.min() <= found.max() <= 1


def test_voxels_without_features_and_absent_classes_are_finite():
    theirs = torch.tensor([[1.0, 1.0], [0.0, 0.0]])
    found = two_network_reliability(torch.full((2, 2), 0.5), theirs, torch.zeros(3, 2))
    np.testing.assert_allclose(found, [0.5, 0.5])


def test_mean_over_a_mask_is_0_where_that_is_empty():
    reliability, mask = torch.tensor([0.2, 0.4, 0.9]), torch.tensor([True, True, False])
    assert mean_reliability(reliability, mask) == pytest.approx(0.3)
    assert mean_reliability(reliability, torch.zeros(3, dtype=torch.bool)) == 0.0


def test_what_does_not_fit_is_refused():
    p = torch.softmax(draw(2, 9), 0)
    with pytest.raises(GeometryError, match="features on their grid"):
        two_network_reliability(p, p, draw(3, 8))
    with pytest.raises(GeometryError, match="of the image's shape"):
        two_network_reliability(p[:, :8], p, draw(3, 9))
    with pytest.raises(InputError, match="finite features"):
        two_network_reliability(p, p, torch.full((3, 9), float("nan")))
    with pytest.raises(InputError, match=r"probabilities in \[0, 1\]"):
        two_network_reliability(p, 9 * p, draw(3, 9))
