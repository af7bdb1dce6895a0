import numpy as np
import pytest
from scipy.ndimage import gaussian_filter

from segqc_conformal.corruption.smooth_field import normal_field, uniform_field


def test_it_is_white_noise_smoothed_in_mm():
    shape, spacing = (41, 30), (1.0, 2.0)
    noise = np.random.default_rng(0).standard_normal(shape)
    expected = gaussian_filter(noise, (3.0, 1.5), mode="wrap", truncate=8.0)
    expected = (expected - expected.mean()) / expected.std()
    found = normal_field(np.random.default_rng(0), shape, spacing, 3.0)
    assert np.abs(found - expected).max() < 0.02  # a sampled Gaussian is not quite the true one


@pytest.mark.parametrize("shape", [(1,), (1, 1, 1), (1, 7), (2, 3, 5)])
def test_any_grid_has_a_field(shape):
    field = uniform_field(np.random.default_rng(0), shape, (1.0,) * len(shape), 2.0)
    assert field.shape == shape
    assert ((field >= 0.0) & (field <= 1.0)).all()
