import numpy as np
import pytest
import torch

from segqc_conformal.errors import InputError
from segqc_conformal.uncertainty.label_map import as_label_map, class_masks, most_probable_label


@pytest.mark.parametrize("classes", [1, 2, 5])
def test_most_probable_label_equals_argmax_of_numpy_ties_included(classes):
    p = np.random.default_rng(0).integers(0, 4, (classes, 20, 30)) / 4  # many ties
    labels = most_probable_label(torch.from_numpy(p))
    np.testing.assert_array_equal(labels, p.argmax(0))


def test_masks_of_the_classes_are_those_of_the_label_map_ties_included():
    p = torch.from_numpy(np.random.default_rng(0).integers(0, 4, (5, 20, 30)) / 4)
    for label, mask in class_masks(p):
        np.testing.assert_array_equal(mask, p.numpy().argmax(0) == label)


@pytest.mark.parametrize("dtype", [bool, np.uint8, np.uint16, np.int32, np.uint64, ">i2"])
def test_every_integer_type_is_a_label_map(dtype):
    labels = as_label_map(np.array([0, 1], dtype=dtype), torch.device("cpu"))
    assert (labels.tolist(), labels.dtype) == ([0, 1], torch.int64)


def test_float_masks_are_refused():
    with pytest.raises(InputError, match="a label map of integers; received dtype float64"):
        as_label_map(np.array([0.0, 1.0]), torch.device("cpu"))
