"""Smooth random fields."""

import numpy as np
import pytest
from scipy.interpolate import BSpline

from segqc_conformal.demo.random_field import smooth_field


def test_every_voxel_has_mean_zero_and_unit_variance_over_draws():
    rng = np.random.default_rng(0)
    draws = np.stack([smooth_field(rng, (7, 9, 5), (5, 4, 6)) for _ in range(2000)])

    # 315 voxels, 2000 draws: 5 standard errors on either moment.
    assert np.abs(draws.mean(axis=0)).max() < 5 / np.sqrt(2000)
    assert np.abs(draws.var(axis=0) - 1).max() < 5 * np.sqrt(2 / 2000)


def test_a_field_is_the_tensor_product_spline_of_its_knots():
    knots = np.random.default_rng(3).standard_normal((4, 5, 6), dtype=np.float32)
    basis = BSpline.basis_element(np.arange(-2.0, 3.0), extrapolate=False)

    def weights(length, count):
        positions = np.linspace(1, count - 2, length)
        table = np.nan_to_num(basis(positions[:, None] - np.arange(count)))
        return table / np.linalg.norm(table, axis=1, keepdims=True)

    expected = np.einsum("abc,xa,yb,zc->xyz", knots, weights(8, 4), weights(7, 5), weights(6, 6))
    found = smooth_field(np.random.default_rng(3), (8, 7, 6), (4, 5, 6))

    assert found == pytest.approx(expected, abs=1e-5)


def test_few_knots_make_a_smoother_field_than_many():
    def step(knots):
        field = smooth_field(np.random.default_rng(1), (24, 24, 24), (knots,) * 3)
        return np.abs(np.diff(field, axis=0)).mean()

    assert step(5) < 0.5 * step(16)
