import numpy as np
import pytest
import torch
from scipy import ndimage

from segqc_conformal.measures.parts import (
    component_numbers,
    part_sums,
    slice_axis,
    slice_numbers,
)


@pytest.mark.parametrize(
    ("spacing", "axis"),
    [((1.0,), 0), ((1.0, 1.0), 1), ((3.0, 1.0, 3.0), 2), ((5.0, 1.0, 1.0), 0)],
)
def test_slices_lie_across_the_coarsest_axis(spacing, axis):
    assert slice_axis(spacing) == axis


@pytest.mark.parametrize("shape", [(7,), (5, 6), (4, 5, 6)])
def test_slice_numbers_are_the_places_on_that_axis(draw, shape):
    structure = draw(0, shape).structure
    axis = slice_axis(structure.spacing_mm)
    numbers = slice_numbers(torch.arange(structure.judged.numel()), structure)
    np.testing.assert_array_equal(numbers.numpy().reshape(shape), np.indices(shape)[axis])


@pytest.mark.parametrize("kind", ["noise", "empty", "full"])
def test_components_are_those_of_the_whole_grid(draw, kind):
    case = draw(1, (9, 8, 7), kind)
    expected = ndimage.label(case.judged)[0][case.judged] - 1
    np.testing.assert_array_equal(component_numbers(case.structure).numpy(), expected)


def test_sums_of_parts_are_accumulated_in_float64():
    values = torch.full((2**20,), 0.1)
    sums = part_sums(values, torch.arange(2**20) % 2)
    np.testing.assert_allclose(sums, 2**19 * float(values[0]), rtol=1e-12)
