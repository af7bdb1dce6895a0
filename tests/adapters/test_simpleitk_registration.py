import sys

import numpy as np
import pytest

from segqc_conformal.adapters.simpleitk_registration import SimpleITKRegistration
from segqc_conformal.dice import dice
from segqc_conformal.errors import InputError
from segqc_conformal.reverse import LabelledImage


def ball(shift: float, spacing: tuple[float, ...], shape: tuple[int, ...]) -> LabelledImage:
    """Return a smooth ball, off the centre of the grid along the first axis."""
    lines = [(np.arange(n) - (n - 1) / 2) * step for n, step in zip(shape, spacing, strict=True)]
    places = np.stack(np.meshgrid(*lines, indexing="ij"), axis=-1)
    places[..., 0] -= shift
    away = (places**2).sum(axis=-1)
    image = np.exp(-away / 60.0)[None].astype(np.float32)
    return LabelledImage(image, 3 * (away < 36.0).astype(np.int64), spacing)


@pytest.mark.parametrize("axes", [2, 3])
def test_the_mask_is_carried_over_in_mm(axes: int) -> None:
    pytest.importorskip("SimpleITK", reason="SimpleITK is not installed")
    case = ball(3.0, (1.0, 1.0, 1.0)[:axes], (26, 24, 20)[:axes])
    reference = ball(-2.0, (2.0, 1.0, 1.0)[:axes], (13, 22, 22)[:axes])
    (carried,) = SimpleITKRegistration().label_maps(case, [reference])
    (again,) = SimpleITKRegistration().label_maps(case, [reference])
    assert carried.shape == reference.labels.shape
    assert set(np.unique(carried)) == {0, 3}
    assert dice(carried == 3, reference.labels == 3) > 0.85
    assert carried.tolist() == again.tolist()


def test_settings_out_of_range_are_refused() -> None:
    with pytest.raises(InputError, match="demons_steps"):
        SimpleITKRegistration(demons_steps=-1)


def test_without_the_library_the_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "SimpleITK", None)
    with pytest.raises(InputError, match=r"segqc-conformal\[simpleitk\]"):
        SimpleITKRegistration()
