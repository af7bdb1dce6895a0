import numpy as np
import pytest

from segqc_conformal.errors import GeometryError, InputError
from segqc_conformal.evaluation.surface_dice import surface_dice


def ball(shape, centre, radius, spacing):
    grid = np.stack(np.meshgrid(*map(np.arange, shape), indexing="ij"), -1)
    return np.linalg.norm((grid - np.array(centre)) * spacing, axis=-1) <= radius


@pytest.mark.filterwarnings("ignore:.*always_return_as_numpy:FutureWarning")  # of MONAI itself
@pytest.mark.parametrize("tolerance", [0.0, 1.0, 2.5])
@pytest.mark.parametrize("spacing", [(1.0, 1.0, 1.0), (0.7, 1.5, 3.0)])
def test_same_as_monai(spacing, tolerance):
    import torch
    from monai.metrics import compute_surface_dice

    a = ball((24, 20, 12), (11, 9, 6), 7.0, spacing)
    b = ball((24, 20, 12), (12, 9, 5), 6.0, spacing)
    expected = compute_surface_dice(
        *(torch.tensor(mask)[None, None].float() for mask in (a, b)),
        class_thresholds=[tolerance],
        include_background=True,
        spacing=list(spacing),
    )
    assert surface_dice(a, b, spacing, tolerance) == pytest.approx(float(expected), abs=1e-6)


def test_twice_the_spacing_needs_twice_the_tolerance():
    a, b = ball((20, 20), (9, 9), 6, 1.0), ball((20, 20), (11, 9), 5, 1.0)
    found = surface_dice(a, b, (1.0, 1.0), 1.0)
    assert 0.0 < found < 1.0
    assert surface_dice(a, b, (2.0, 2.0), 2.0) == found


def test_both_empty_agree_and_one_empty_does_not():
    empty, full = np.zeros((4, 4), dtype=bool), np.ones((4, 4), dtype=bool)
    assert surface_dice(empty, empty, (1.0, 1.0), 1.0) == 1.0
    assert surface_dice(empty, full, (1.0, 1.0), 9.0) == 0.0
    assert surface_dice(full, empty, (1.0, 1.0), 9.0) == 0.0
    assert surface_dice(full, full, (1.0, 1.0), 0.0) == 1.0


def test_masks_of_two_grids_are_refused():
    mask = np.ones((3, 3), dtype=bool)
    with pytest.raises(GeometryError, match="resample"):
        surface_dice(mask, mask[:2], (1.0, 1.0), 1.0)
    with pytest.raises(GeometryError, match="each axis"):
        surface_dice(mask, mask, (1.0,), 1.0)
    with pytest.raises(InputError, match="tolerance"):
        surface_dice(mask, mask, (1.0, 1.0), -1.0)
