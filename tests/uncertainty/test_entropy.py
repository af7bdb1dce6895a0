import math

import numpy as np
import pytest
import torch

from segqc_conformal.uncertainty.entropy import entropy, mutual_information


def test_entropy_equals_a_voxelwise_loop():
    p = np.random.default_rng(0).dirichlet([0.3] * 4, size=(3, 5))
    expected = [[-sum(q * math.log(q) for q in voxel if q > 0) for voxel in row] for row in p]
    result = entropy(torch.from_numpy(np.moveaxis(p, -1, 0)))
    np.testing.assert_allclose(result, expected, atol=1e-12)


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float32, torch.float64])
def test_certain_voxels_have_entropy_zero_in_every_precision(dtype):
    result = entropy(torch.tensor([[1.0, 0.0], [0.0, 1.0]], dtype=dtype))
    assert result.tolist() == [0.0, 0.0]
    assert not torch.signbit(result).any()


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_half_precision_is_upcast_before_the_logarithm(dtype):
    p = torch.rand(2, 50, generator=torch.Generator().manual_seed(0)).to(dtype)
    assert torch.equal(entropy(p), entropy(p.float()))


def test_mutual_information_is_never_negative():
    assert mutual_information(torch.tensor([0.3]), torch.tensor([0.3000001])).tolist() == [0.0]
