import numpy as np
import pytest
import torch
from monai.data import MetaTensor
from monai.inferers import SlidingWindowInferer
from monai.networks.nets import UNet
from torch import nn

from segqc_conformal.errors import GeometryError, InputError
from segqc_conformal.sampling.predictor import Predictor


def constant(*channels: float):
    """A callable whose output has these values, one channel each, on the input's grid."""

    def model(batch):
        values = torch.tensor(channels).reshape(1, -1, *([1] * (batch.ndim - 2)))
        return values.expand(1, len(channels), *batch.shape[2:])

    return model


@pytest.mark.parametrize(
    ("activation", "output", "expected"),
    [
        ("softmax", (0.0, np.log(3.0)), [0.25, 0.75]),
        ("sigmoid", (0.0,), [0.5]),
        ("sigmoid", (0.0, np.log(3.0)), [0.5, 0.75]),
        ("none", (0.25, 0.75), [0.25, 0.75]),
        ("evidence", (0.0, 2.0, 5.0), [0.1, 0.3, 0.6]),
        ("relu", (-3.0, 2.0, 5.0), [0.1, 0.3, 0.6]),
        ("exp", (0.0, np.log(5.0)), [0.25, 0.75]),
        ("softplus", (np.log(np.expm1(1.0)), np.log(np.expm1(5.0))), [0.25, 0.75]),
    ],
)
def test_activation_is_what_the_caller_says(activation, output, expected):
    predictor = Predictor(constant(*output), activation=activation, model_id="constant")
    probabilities = predictor(np.zeros((1, 2, 3)))
    assert probabilities.dtype == torch.float32
    np.testing.assert_allclose(probabilities[:, 1, 2], expected, rtol=1e-6)


@pytest.mark.parametrize(
    ("activation", "output", "message"),
    [
        ("none", (2.0, -1.0), r"probabilities in \[0, 1\].*-1 to 2.*activation='softmax'"),
        ("none", (0.5, 0.6), "sum to 1 within 0.001.*1.1.*activation='sigmoid'.*'overlapping'"),
        ("none", (float("nan"), 0.6), "finite probabilities; received NaN"),
        ("softmax", (float("inf"), 0.0), "finite probabilities"),
        ("softmax", (0.0,), "at least two channels.*activation='sigmoid'"),
        ("evidence", (-0.5, 1.0), "non-negative evidence; received a smallest value of -0.5"),
        ("softplus", (0.5,), "at least two channels for activation 'softplus'"),
        ("exp", (100.0, 1.0), "finite probabilities"),
    ],
)
def test_output_that_is_no_probability_is_refused(activation, output, message):
    predictor = Predictor(constant(*output), activation=activation, model_id="constant")
    with pytest.raises(InputError, match=message):
        predictor(np.zeros((1, 2, 3)))


def test_exclusive_classes_may_miss_one_by_rounding():
    predictor = Predictor(constant(0.5, 0.5009), activation="none", model_id="constant")
    assert predictor(np.zeros((1, 2, 2))).shape == (2, 2, 2)


def test_unknown_activation_is_refused():
    with pytest.raises(InputError, match="none, evidence, softplus, exp, relu; received 'swish'"):
        Predictor(constant(1.0), activation="swish", model_id="x")


def test_plain_callable_needs_a_model_id():
    with pytest.raises(InputError, match="model_id for a model that is a plain callable"):
        Predictor(constant(0.0, 0.0))


def test_module_without_weights_needs_a_model_id():
    with pytest.raises(InputError, match="Identity without any weight"):
        Predictor(nn.Identity())


def test_changed_grid_without_invert_is_refused_with_the_remedy():
    predictor = Predictor(
        constant(0.0, 0.0), preprocess=lambda x: nn.functional.pad(x, (1, 1)), model_id="x"
    )
    with pytest.raises(GeometryError, match=r"shape \(4, 5\); received .*shape \(4, 7\).*`invert`"):
        predictor(np.zeros((1, 4, 5)))


def test_invert_gets_the_probabilities_and_the_original_image():
    seen = {}

    def invert(probabilities, image):
        seen["image"] = image
        return probabilities[:, 1:-1]

    predictor = Predictor(
        lambda batch: torch.cat([batch, -batch], dim=1),
        preprocess=lambda x: nn.functional.pad(x, (1, 1)),
        invert=invert,
        model_id="x",
    )
    image = np.array([[1.0, 2.0, -1.0]])
    expected = 1.0 / (1.0 + np.exp(-2.0 * image[0]))
    np.testing.assert_allclose(predictor(image)[0], expected, rtol=1e-6)
    np.testing.assert_array_equal(seen["image"], image)


def test_sliding_window_inferer_of_monai_is_used():
    torch.manual_seed(0)
    unet = UNet(3, 1, 2, channels=(4, 8), strides=(2,), num_res_units=1).eval()
    inferer = SlidingWindowInferer(roi_size=(8, 8, 8), sw_batch_size=2, overlap=0.25)
    image = np.random.default_rng(0).normal(size=(1, 12, 10, 9)).astype(np.float32)
    with torch.no_grad():
        expected = inferer(torch.from_numpy(image)[None], unet)[0].softmax(0)
    assert torch.equal(Predictor(unet, inferer=inferer)(image), expected)


def test_image_is_cast_to_the_models_precision_and_back():
    model = nn.Conv2d(1, 2, 1).to(torch.bfloat16)
    assert Predictor(model)(np.ones((1, 4, 4), np.float64)).dtype == torch.float32


@pytest.mark.parametrize(
    "image",
    [
        np.full((1, 4, 4), 7, np.uint16),
        np.full((1, 4, 4), 7, ">f4"),
        np.full((1, 4, 4), 7.0)[:, ::-1],
        np.asfortranarray(np.full((1, 4, 4), 7.0)),
        MetaTensor(torch.full((1, 4, 4), 7.0)),
    ],
    ids=["uint16", "big-endian", "negative stride", "fortran order", "MetaTensor"],
)
def test_every_kind_of_image_gives_the_same_plain_tensor(image):
    torch.manual_seed(0)
    predictor = Predictor(nn.Conv2d(1, 2, 1))
    result = predictor(image)
    assert type(result) is torch.Tensor
    assert torch.equal(result, predictor(torch.full((1, 4, 4), 7.0)))


def test_no_gradient_history_is_kept():
    assert not Predictor(nn.Conv2d(1, 2, 1))(np.ones((1, 4, 4))).requires_grad


@pytest.mark.parametrize(
    "model",
    [lambda batch: [batch, batch], lambda batch: batch[0], lambda batch: batch.repeat(2, 1, 1, 1)],
    ids=["list of heads", "no batch axis", "two batch items"],
)
def test_output_that_is_not_one_batch_item_is_refused(model):
    with pytest.raises(InputError, match=r"a model output of shape \(1, classes, \*spatial\)"):
        Predictor(model, model_id="x")(np.ones((2, 4, 4)))


def test_callable_may_return_a_numpy_array():
    predictor = Predictor(lambda b: np.full((1, 2, 4), 0.5, np.float64), "none", model_id="x")
    assert predictor(np.ones((1, 4))).tolist() == [[0.5] * 4] * 2


def test_image_without_channels_axis_is_refused():
    with pytest.raises(InputError, match=r"\(channels, \*spatial\).*image\[None\]"):
        Predictor(constant(0.0), "sigmoid", model_id="x")(np.ones(4))


@pytest.mark.parametrize(
    ("activation", "output", "expected"),
    [
        ("evidence", (0.0, 5.0), [0.0, 5.0]),
        ("relu", (-3.0, 2.0), [0.0, 2.0]),
        ("exp", (0.0, -1.0), [1.0, np.exp(-1.0)]),
        ("softplus", (0.0, 50.0), [np.log(2.0), 50.0]),
    ],
)
def test_evidence_is_that_of_the_function_named(activation, output, expected):
    predictor = Predictor(constant(*output), activation=activation, model_id="constant")
    assert (predictor.evidential, predictor.channels) == (True, "exclusive")
    evidence = predictor.evidence(np.zeros((1, 2, 3)))
    assert evidence.dtype == torch.float32
    np.testing.assert_allclose(evidence[:, 1, 2], expected, rtol=1e-6)
    mean = (evidence + 1) / (evidence + 1).sum(0)
    torch.testing.assert_close(mean, predictor(np.zeros((1, 2, 3))))


def test_evidence_passes_through_invert():
    predictor = Predictor(
        lambda batch: torch.cat([batch, 2 * batch], dim=1),
        "evidence",
        preprocess=lambda x: nn.functional.pad(x, (1, 1)),
        invert=lambda values, image: values[:, 1:-1],
        model_id="x",
    )
    assert predictor.evidence(np.array([[3.0, 4.0]])).tolist() == [[3.0, 4.0], [6.0, 8.0]]


def test_an_invert_that_normalises_evidence_is_refused():
    predictor = Predictor(
        constant(3.0, 9.0),
        "evidence",
        invert=lambda values, _: values / values.sum(0),
        model_id="x",
    )
    assert predictor(np.zeros((1, 2))).shape == (2, 2)
    with pytest.raises(InputError, match=r"`invert` that keeps the size of evidence"):
        predictor.evidence(np.zeros((1, 2)))


def test_evidence_that_overflows_is_refused():
    predictor = Predictor(constant(100.0, 1.0), activation="exp", model_id="constant")
    with pytest.raises(InputError, match=r"finite evidence >= 0; received values from .* to inf"):
        predictor.evidence(np.zeros((1, 2, 3)))


@pytest.mark.parametrize("activation", ["softmax", "sigmoid", "none"])
def test_a_model_without_evidence_has_none_to_give(activation):
    predictor = Predictor(constant(0.5, 0.5), activation=activation, model_id="constant")
    assert not predictor.evidential
    with pytest.raises(InputError, match="evidence, exp, relu, softplus"):
        predictor.evidence(np.zeros((1, 2, 3)))


def test_channels_are_what_the_activation_says():
    kinds = {a: Predictor(abs, a, model_id="x").channels for a in ("softmax", "none", "sigmoid")}
    assert kinds == {"softmax": "exclusive", "none": "exclusive", "sigmoid": "overlapping"}


@pytest.mark.parametrize("dtype", ["float16", "bfloat16"])
def test_autocast_runs_the_model_alone_in_the_type_named(dtype):
    seen = []

    class Watching(nn.Conv2d):
        def forward(self, batch):
            output = super().forward(batch)
            seen.append(output.dtype)
            return output

    torch.manual_seed(0)
    model = Watching(1, 2, 3, padding=1)
    image = np.random.default_rng(0).normal(size=(1, 8, 8))
    predictor = Predictor(model, autocast=dtype)
    result = predictor(image)
    assert seen == [getattr(torch, dtype)]
    assert result.dtype == model.weight.dtype == torch.float32
    assert not torch.is_autocast_enabled("cpu")
    torch.testing.assert_close(result, Predictor(model)(image), rtol=0, atol=2e-2)
    assert predictor.model_id == f"{Predictor(model).model_id}+{dtype}"


def test_unknown_autocast_type_is_refused():
    with pytest.raises(InputError, match="one of float16, bfloat16; received 'float8'"):
        Predictor(nn.Conv2d(1, 2, 1), autocast="float8")


@pytest.mark.parametrize("model", [constant(0.0, 0.0), nn.Identity()])
def test_autocast_is_refused_where_no_weights_tell_the_device(model):
    with pytest.raises(InputError, match=r"torch.nn.Module with weights.*inside the callable"):
        Predictor(model, autocast="bfloat16", model_id="x")


def test_a_batch_is_one_forward_pass_and_gives_what_single_calls_give():
    torch.manual_seed(0)
    calls = []

    def inferer(batch, network):
        calls.append(tuple(batch.shape))
        return network(batch)

    predictor = Predictor(nn.Conv2d(1, 2, 3, padding=1), inferer=inferer)
    images = list(np.random.default_rng(0).normal(size=(3, 1, 4, 5)))
    together = predictor.on_batch(images)
    assert calls == [(3, 1, 4, 5)]
    for image, result in zip(images, together, strict=True):
        torch.testing.assert_close(result, predictor(image))


def test_another_network_is_run_by_the_inferer_in_the_models_type():
    seen = []

    def network(batch):
        seen.append(batch.dtype)
        return batch.repeat(1, 2, 1, 1)

    predictor = Predictor(
        nn.Conv2d(1, 2, 1).to(torch.bfloat16), inferer=lambda batch, net: net(batch)
    )
    (result,) = predictor.on_batch([np.ones((1, 2, 2))], network)
    assert seen == [torch.bfloat16]
    assert result.unique().tolist() == [0.5]


def test_images_of_different_shape_are_no_batch():
    predictor = Predictor(constant(0.0, 0.0), model_id="x")
    with pytest.raises(GeometryError, match=r"images of one shape.*\(1, 2\), \(1, 3\)"):
        predictor.on_batch([np.ones((1, 2)), np.ones((1, 3))])


def test_a_model_that_loses_an_image_of_the_batch_is_refused():
    predictor = Predictor(lambda batch: batch[:1], model_id="x")
    with pytest.raises(InputError, match=r"a model output of shape \(2, classes, \*spatial\)"):
        predictor.on_batch([np.ones((2, 3))] * 2)
