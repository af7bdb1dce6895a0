import numpy as np
import pytest
import torch
from monai.data import MetaTensor

from segqc_conformal.errors import InputError
from segqc_conformal.sampling.image_tensor import image_tensor, plain_tensor


@pytest.mark.parametrize(
    "image", [torch.ones(1, 3), np.ones((1, 3), np.float32), MetaTensor(torch.ones(1, 3))]
)
def test_writing_to_the_tensor_does_not_reach_the_image(image):
    tensor = image_tensor(image)
    assert (type(tensor), tensor.dtype) == (torch.Tensor, torch.float32)
    tensor += 1
    assert np.asarray(image).tolist() == [[1.0, 1.0, 1.0]]


def test_gradient_history_is_left_behind():
    assert not image_tensor(torch.ones(1, 3, requires_grad=True)).requires_grad


def test_what_is_no_tensor_is_refused_naming_its_source():
    with pytest.raises(InputError, match="a tensor from invert; received list"):
        plain_tensor([1.0], "invert")
