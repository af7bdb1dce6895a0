import numpy as np
import pytest

from segqc_conformal.errors import InputError
from segqc_conformal.quality.net import combine_slices


def test_several_volumes_at_once() -> None:
    found = combine_slices(
        [[1.0, 0.5], [0.0, 0.0]], [[0.5, 0.5], [1.0, 0.0]], [[2, 2], [3, 0]], np.zeros((2, 2))
    )
    assert found.tolist() == [0.75, 0.0]


def test_a_volume_without_anything_is_both_empty() -> None:
    assert combine_slices([0.3, 0.9], [0.0, 0.0], [0, 0], [0, 0]) == 1.0


def test_a_missed_slice_counts_by_its_area() -> None:
    assert combine_slices([1.0, 0.0], [0.5, 0.0], [5, 0], [0, 10]) == pytest.approx(0.5)


@pytest.mark.parametrize("fraction", [0.0, 1.1])
def test_an_impossible_fraction_is_refused(fraction: float) -> None:
    with pytest.raises(InputError, match=r"fractions in \(0, 1\]"):
        combine_slices([0.5], [fraction], [3], [0])
