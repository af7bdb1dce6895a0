import numpy as np
import pytest
import torch
from scipy.ndimage import map_coordinates

from segqc_conformal.sampling.affine_resampling import draw_affine, resample, uniform

SHAPES = [(9, 14), (6, 9, 7)]


@pytest.mark.parametrize("shape", SHAPES)
def test_resampling_is_linear_interpolation_at_the_places_of_the_map(shape):
    matrix = draw_affine(shape, (1.0,) * len(shape), 30.0, 0.2, 0.1, seed=3)
    values = np.random.default_rng(0).random((2, *shape), np.float32)
    size = np.array(shape).reshape(-1, *[1] * len(shape))
    places = (2 * np.indices(shape) + 1) / size - 1  # from -1 to 1 between the outer faces
    linear, shift = matrix.numpy()[:-1, :-1], matrix.numpy()[:-1, -1]
    moved = np.tensordot(linear, places, 1) + shift.reshape(size.shape)
    voxels = ((moved + 1) * size - 1) / 2
    expected = [map_coordinates(v, voxels, order=1, mode="nearest") for v in values]
    np.testing.assert_allclose(resample(torch.from_numpy(values), matrix), expected, atol=2e-5)


@pytest.mark.parametrize("shape", SHAPES)
def test_a_rotation_turns_in_millimetres_whatever_the_grid(shape):
    spacing = (0.5, 2.0, 3.0)[: len(shape)]
    matrix = draw_affine(shape, spacing, 25.0, 0.0, 0.0, seed=0)[:-1, :-1]
    extent = torch.tensor(shape).double() * torch.tensor(spacing).double()
    in_mm = extent[:, None] * matrix / extent
    torch.testing.assert_close(in_mm @ in_mm.T, torch.eye(len(shape)).double())
    assert not torch.allclose(in_mm, torch.eye(len(shape)).double(), atol=0.01)


def test_size_and_shift_stay_within_their_bounds_and_use_them():
    drawn = [draw_affine((4, 4), (1.0, 1.0), 0.0, 0.1, 0.05, seed) for seed in range(500)]
    sizes = torch.stack([matrix[0, 0] for matrix in drawn])
    shifts = torch.stack([matrix[:2, 2] for matrix in drawn]) / 2
    assert 0.9 <= sizes.min() < 0.91 < 1.09 < sizes.max() <= 1.1
    assert -0.05 <= shifts.min() < -0.045 < 0.045 < shifts.max() <= 0.05


def test_draws_repeat_and_leave_the_global_generator_alone():
    before = torch.get_rng_state()
    assert torch.equal(uniform(9, seed=1), uniform(9, seed=1))
    assert not torch.equal(uniform(9, seed=1), uniform(9, seed=2))
    assert torch.equal(before, torch.get_rng_state())
