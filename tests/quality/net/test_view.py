import numpy as np
import pytest
import torch

from segqc_conformal.quality.net.view import view_of


@pytest.mark.parametrize("spatial", [(5, 7, 3), (8, 8, 8), (1, 8, 4)])
def test_what_fits_into_the_grid_comes_back_exactly(spatial: tuple[int, ...]) -> None:
    values = torch.randn(2, *spatial)
    view = view_of(spatial, (8, 8, 8))
    there = view.to_grid(values)
    assert there.shape == (2, 8, 8, 8)
    assert torch.equal(view.from_grid(there), values)


def test_a_longer_axis_is_averaged_and_keeps_its_mean() -> None:
    values = torch.arange(8.0)[None]
    there = view_of((8,), (4,)).to_grid(values)
    assert there.tolist() == [[0.5, 2.5, 4.5, 6.5]]
    assert view_of((8,), (4,)).from_grid(there).shape == (1, 8)


def test_a_margin_in_mm_around_the_mask_is_seen_and_nothing_else() -> None:
    mask = np.zeros((20, 20), int)
    mask[9:11, 4] = 1
    view = view_of((20, 20), (16, 16), mask, 3.0, (1.0, 2.0))
    assert view.box == ((6, 14), (2, 7))
    back = view.from_grid(view.to_grid(torch.ones(1, 20, 20)))[0]
    assert back.sum() == 8 * 5
    assert (back[6:14, 2:7] == 1).all()


def test_a_mask_at_the_border_is_seen_up_to_the_border() -> None:
    mask = np.zeros((6, 6), int)
    mask[0, 5] = 1
    assert view_of((6, 6), (8, 8), mask, 2.0, (1.0, 1.0)).box == ((0, 3), (3, 6))


def test_of_an_empty_mask_the_whole_image_is_seen() -> None:
    assert view_of((6,), (4,), np.zeros(6, int), 1.0, (1.0,)).box == ((0, 6),)


def test_an_axis_of_slices_is_seen_whole() -> None:
    mask = np.zeros((6, 6), int)
    mask[3, 3] = 1
    assert view_of((6, 6), (8, 6), mask, 1.0, (1.0, 1.0), whole_axis=1).box == ((2, 5), (0, 6))
