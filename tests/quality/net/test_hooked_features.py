import numpy as np
import pytest
import torch
from torch import Tensor, nn

from segqc_conformal.errors import InputError
from segqc_conformal.quality.net import hooked_features
from segqc_conformal.sampling.predictor import Predictor

IMAGE = np.random.default_rng(0).normal(size=(1, 5, 6)).astype(np.float32)


def padded(image: Tensor) -> Tensor:
    return torch.nn.functional.pad(image, (1, 1, 2, 1))


def cropped(values: Tensor, image: Tensor) -> Tensor:
    return values[:, 2 : 2 + image.shape[1], 1 : 1 + image.shape[2]]


def test_activations_come_back_on_the_images_own_grid() -> None:
    model = nn.Sequential(nn.Identity(), nn.AvgPool2d(2), nn.Upsample(scale_factor=2))
    predictor = Predictor(model, "sigmoid", padded, cropped, model_id="m")
    found = hooked_features(predictor, IMAGE, {"first": "0", "coarse": "1"})
    assert np.array_equal(found["first"], IMAGE)
    assert found["coarse"].shape == IMAGE.shape


def test_the_model_is_left_as_found() -> None:
    model = nn.Sequential(nn.Conv2d(1, 1, 1), nn.Dropout(0.5)).train()
    hooked_features(Predictor(model, "sigmoid"), IMAGE, {"f": "0"})
    assert model.training
    assert not model[0]._forward_hooks
    assert not model._forward_pre_hooks


def test_unknown_layers_are_named() -> None:
    with pytest.raises(InputError, match=r"layers of the model, such as \['0'\].*'deep'"):
        hooked_features(
            Predictor(nn.Sequential(nn.Conv2d(1, 1, 1)), "sigmoid"), IMAGE, {"f": "deep"}
        )


def test_a_layer_that_runs_more_than_once_an_image_is_refused() -> None:
    layer = nn.Conv2d(1, 1, 1)
    predictor = Predictor(nn.Sequential(layer, layer), "sigmoid")
    with pytest.raises(InputError, match="runs once an image; received 2 runs"):
        hooked_features(predictor, IMAGE, {"f": "0"})
