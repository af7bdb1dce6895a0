import numpy as np
import pytest

from segqc_conformal.case import Case, check_structures
from segqc_conformal.errors import GeometryError, InputError

FACTS = {"image": np.zeros((2, 3, 4)), "case_id": "c17", "patient_id": "p9"}


def test_without_spacing_every_axis_is_spatial_and_spacing_is_one():
    case = Case(**FACTS)
    assert (case.spatial_shape, case.spacing) == ((2, 3, 4), (1.0, 1.0, 1.0))
    assert case.channels_first().shape == (1, 2, 3, 4)


def test_with_spacing_one_more_axis_is_channels():
    case = Case(**FACTS, spacing_mm=(1, 2))
    assert (case.spatial_shape, case.spacing) == ((3, 4), (1.0, 2.0))
    assert case.channels_first().shape == (2, 3, 4)


def test_ids_stay_as_given():
    assert Case(np.zeros(3), case_id="0012", patient_id="p").case_id == "0012"


@pytest.mark.parametrize("name", ["case_id", "patient_id", "site"])
@pytest.mark.parametrize("value", ["", 12, None])
def test_ids_that_are_no_strings_are_refused(name, value):
    with pytest.raises(InputError, match=f"a non-empty string as {name}; received {value!r}"):
        Case(**(FACTS | {name: value}))


@pytest.mark.parametrize(
    "image",
    [np.array([0.0, np.nan]), np.array([np.inf]), np.array(["a"]), np.array([1j])],
    ids=["NaN", "infinity", "text", "complex"],
)
def test_images_of_other_than_finite_numbers_are_refused_naming_the_case(image):
    with pytest.raises(InputError, match="case c17: expected an image of finite numbers"):
        Case(**(FACTS | {"image": image}))


@pytest.mark.parametrize("spacing", [(1.0, 0.0, 1.0), (1.0, -1.0, 1.0), (), (1.0, np.inf, 1.0)])
def test_spacing_that_is_not_positive_is_refused(spacing):
    with pytest.raises(InputError, match="spacing_mm of positive numbers"):
        Case(**FACTS, spacing_mm=spacing)


@pytest.mark.parametrize("spacing", [(1.0,), (1.0,) * 4])
def test_spacing_for_another_number_of_axes_is_refused(spacing):
    with pytest.raises(GeometryError, match="3 axes"):
        Case(**FACTS, spacing_mm=spacing)


@pytest.mark.parametrize("name", ["mask", "reference"])
def test_masks_are_whole_labels_on_the_images_grid(name):
    labels = np.full((2, 3, 4), 2.0)
    assert getattr(Case(**FACTS, **{name: labels}), name).dtype == np.int64
    with pytest.raises(GeometryError, match=f"case c17: expected a {name} of the image's"):
        Case(**FACTS, **{name: labels[:1]})
    with pytest.raises(InputError, match=f"case c17: expected a {name} of whole labels"):
        Case(**FACTS, **{name: labels + 0.5})


@pytest.mark.parametrize(
    "structures",
    [{}, {"a": 0}, {"a": 1, "b": 1}, {"a": 1.0}, {"whole_case": 1}],
    ids=["none", "background", "one label twice", "float", "reserved name"],
)
def test_structures_that_do_not_name_distinct_labels_are_refused(structures):
    with pytest.raises(InputError, match="structures as"):
        check_structures(structures)
