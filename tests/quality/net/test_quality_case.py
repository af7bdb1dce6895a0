import numpy as np
import pytest

from segqc_conformal.errors import GeometryError, InputError
from segqc_conformal.quality.net import QualityCase

ZEROS = np.zeros((4, 5))


def test_image_maps_and_features_get_a_channels_axis_of_their_own() -> None:
    case = QualityCase("c", "p", ZEROS, maps={"m": ZEROS}, features={"f": np.zeros((3, 4, 5))})
    assert case.image.shape == case.maps["m"].shape == (1, 4, 5)
    assert case.features["f"].shape == (3, 4, 5)
    assert case.spacing == (1.0, 1.0)


def test_channels_come_first_where_the_spacing_says_so() -> None:
    case = QualityCase("c", "p", np.zeros((2, 4, 5)), spacing_mm=(1.0, 2.0))
    assert case.spatial_shape == (4, 5)


@pytest.mark.parametrize("name", ["maps", "features"])
def test_what_is_not_on_the_grid_or_not_finite_is_refused_by_name(name: str) -> None:
    with pytest.raises(GeometryError, match=r"case c: expected deep of shape \(4, 5\)"):
        QualityCase("c", "p", ZEROS, **{name: {"deep": np.zeros((4, 6))}})
    with pytest.raises(InputError, match="finite numbers in deep"):
        QualityCase("c", "p", ZEROS, **{name: {"deep": np.full((4, 5), np.nan)}})


def test_mask_and_reference_have_one_form() -> None:
    stack = np.zeros((2, 4, 5), int)
    with pytest.raises(GeometryError, match="both as label maps"):
        QualityCase("c", "p", ZEROS, mask=ZEROS.astype(int), reference=stack)


def test_ids_are_checked_as_everywhere() -> None:
    with pytest.raises(InputError, match="non-empty string as patient_id"):
        QualityCase("c", "", ZEROS)
