from dataclasses import dataclass

import numpy as np
import pytest
import torch
from monai.networks.nets import UNet
from torch import nn

from segqc_conformal.errors import GeometryError, InputError, SamplingError
from segqc_conformal.sampling.augmentations import (
    Affine,
    Flip,
    Intensity,
    Noise,
    Rotate90,
    default_augmentations,
)
from segqc_conformal.sampling.deep_ensemble import DeepEnsemble
from segqc_conformal.sampling.drop_weights import DropWeights
from segqc_conformal.sampling.evidential import Evidential
from segqc_conformal.sampling.mc_dropout import MCDropout
from segqc_conformal.sampling.predictor import Predictor
from segqc_conformal.sampling.single_pass import SinglePass
from segqc_conformal.sampling.stored_samples import StoredSamples
from segqc_conformal.sampling.tta import TestTimeAugmentation

IMAGE = np.random.default_rng(0).normal(size=(1, 8, 12)).astype(np.float32)


def unet(dimensions: int = 2, seed: int = 0) -> UNet:
    torch.manual_seed(seed)
    return UNet(
        dimensions, 1, 3, channels=(4, 8), strides=(2,), num_res_units=1, dropout=0.3, norm="batch"
    )


def pointwise(image_channels: int = 1) -> Predictor:
    torch.manual_seed(0)
    return Predictor(nn.Conv2d(image_channels, 3, 1))


@dataclass(frozen=True)
class Shrink:
    """An augmentation whose author forgot to bring the probabilities back."""

    def augment(self, image, seed):
        return image[:, ::2]

    def restore(self, probabilities, seed):
        return probabilities


@pytest.mark.parametrize(
    "augmentation", [Flip((0,)), Flip((0, 1)), *(Rotate90(turns) for turns in (1, 2, 3))]
)
def test_an_exact_group_on_a_model_that_commutes_with_it_gives_the_same_bits(augmentation):
    predictor = pointwise()
    original, sample = TestTimeAugmentation([augmentation])(predictor, IMAGE)
    assert torch.equal(original, predictor(IMAGE))
    assert torch.equal(sample, original)


@pytest.mark.parametrize("augmentation", [Flip((1,)), Rotate90(1), Rotate90(3)])
def test_a_sample_is_the_models_view_of_the_changed_image_brought_back(augmentation):
    predictor = Predictor(unet().eval())
    (sample,) = TestTimeAugmentation([augmentation], original=False)(predictor, IMAGE)
    numpy = {
        "Flip": (lambda a: a[:, :, ::-1], lambda a: a[:, :, ::-1]),
        "Rotate90": (
            lambda a: np.rot90(a, augmentation.turns, (1, 2)),
            lambda a: np.rot90(a, -augmentation.turns, (1, 2)),
        ),
    }
    there, back = numpy[type(augmentation).__name__]
    np.testing.assert_array_equal(sample.numpy(), back(predictor(there(IMAGE)).numpy()))


@pytest.mark.parametrize("shape", [(8, 12), (8, 12, 8)])
def test_the_default_is_the_image_itself_and_the_set_of_its_dimension(shape):
    image = np.random.default_rng(1).normal(size=(1, *shape)).astype(np.float32)
    predictor = Predictor(unet(len(shape)).eval())
    samples = list(TestTimeAugmentation()(predictor, image))
    assert len(samples) == 1 + len(default_augmentations(len(shape)))
    assert torch.equal(samples[0], predictor(image))
    for sample in samples:
        assert sample.shape == (3, *shape)
        torch.testing.assert_close(sample.sum(0), torch.ones(shape), rtol=0, atol=1e-5)
    for number, one in enumerate(samples):
        assert not any(torch.equal(one, other) for other in samples[:number])


def test_equal_augmentations_of_one_list_are_drawn_apart_and_seeds_matter():
    sampler = TestTimeAugmentation([Noise(), Noise()], original=False)
    first, second = sampler(pointwise(), IMAGE)
    again = next(sampler(pointwise(), IMAGE))
    other = next(TestTimeAugmentation([Noise()], seed=1, original=False)(pointwise(), IMAGE))
    assert torch.equal(first, again)
    assert not torch.equal(first, second)
    assert not torch.equal(first, other)


@pytest.mark.parametrize(
    ("inner", "number"), [(MCDropout(samples=3), 3), (DropWeights(samples=4), 4)]
)
def test_each_view_is_sampled_by_the_inner_sampler(inner, number):
    predictor = Predictor(unet())
    samples = list(TestTimeAugmentation([Flip((0,))], inner)(predictor, IMAGE))
    plain = list(inner(predictor, IMAGE))
    flipped = [sample.flip(1) for sample in inner(predictor, IMAGE[:, ::-1])]
    assert len(samples) == 2 * number
    assert all(torch.equal(a, b) for a, b in zip(samples, plain + flipped, strict=True))


def test_an_ensemble_inside_brings_its_members():
    members = [Predictor(unet(seed=seed)) for seed in (0, 1)]
    inner = DeepEnsemble(members)
    sampler = TestTimeAugmentation([Flip((0,))], inner)
    assert len(list(sampler(None, IMAGE))) == 4
    assert sampler.model_id(None) == inner.model_id(None)
    with pytest.raises(SamplingError, match="predictor=None for DeepEnsemble"):
        next(sampler(members[0], IMAGE))


def test_augmentation_comes_before_preprocess_and_is_undone_after_invert():
    predictor = Predictor(
        lambda batch: torch.cat([batch, -batch], dim=1),
        preprocess=lambda x: nn.functional.pad(x, (1, 2), value=9.0),
        invert=lambda p, image: p[..., 1 : 1 + image.shape[-1]],
        model_id="x",
    )
    original, flipped = TestTimeAugmentation([Flip((1,))])(predictor, IMAGE)
    assert torch.equal(original, flipped)


def test_preprocessing_that_writes_to_the_image_does_not_reach_the_next_view():
    plain = Predictor(unet().eval(), preprocess=lambda image: image * 2)
    writing = Predictor(unet().eval(), preprocess=lambda image: image.mul_(2))
    for sampler in (TestTimeAugmentation([Flip((1,)), Flip((0,))]), MCDropout(3, batch=2)):
        expected = list(sampler(plain, torch.from_numpy(IMAGE)))
        samples = list(sampler(writing, torch.from_numpy(IMAGE)))
        assert all(torch.equal(a, b) for a, b in zip(samples, expected, strict=True))


def test_overlapping_regions_need_not_sum_to_one():
    torch.manual_seed(0)
    predictor = Predictor(nn.Conv2d(1, 2, 1), activation="sigmoid")
    sampler = TestTimeAugmentation([Affine(), Flip((0,))])
    assert sampler.channels(predictor) == "overlapping"
    assert len(list(sampler(predictor, IMAGE))) == 3


def test_the_identity_names_every_setting():
    named = TestTimeAugmentation([Flip((0,)), Noise(0.2)], MCDropout(3, 7), seed=4, original=False)
    assert named.sampler_id == (
        "TestTimeAugmentation(augmentations=(Flip(axes=(0,)), Noise(share=0.2)), "
        "inner=MCDropout(samples=3, seed=7), seed=4, original=False)"
    )


@pytest.mark.parametrize("shape", [(9,), (3, 4, 2, 3)])
def test_other_dimensions_have_a_default_and_refuse_affine_by_name(shape):
    image = np.random.default_rng(0).normal(size=(2, *shape))
    predictor = Predictor(lambda batch: batch, model_id="identity")
    assert len(list(TestTimeAugmentation()(predictor, image))) == len(shape) + 5
    with pytest.raises(InputError, match=r"2 or 3 dimensions for Affine"):
        list(TestTimeAugmentation([Affine()])(predictor, image))


def test_evidence_is_refused_but_an_evidential_models_probabilities_are_not():
    predictor = Predictor(unet(), "softplus")
    with pytest.raises(SamplingError, match="inner sampler of probabilities; received Evidential"):
        TestTimeAugmentation(inner=Evidential()).model_id(predictor)
    with pytest.raises(SamplingError, match="inner sampler of probabilities"):
        next(TestTimeAugmentation(inner=Evidential())(predictor, IMAGE))
    assert len(list(TestTimeAugmentation([Intensity()])(predictor, IMAGE))) == 2


def test_stored_samples_are_refused():
    with pytest.raises(SamplingError, match="runs a model; received StoredSamples"):
        TestTimeAugmentation(inner=StoredSamples({}, model_id="m"))


@pytest.mark.parametrize("augmentations", [[], [Flip((0,)), object()]])
def test_nothing_to_augment_or_to_name_is_refused(augmentations):
    with pytest.raises(SamplingError, match="at least one augmentation, each a frozen dataclass"):
        TestTimeAugmentation(augmentations)


def test_an_augmentation_that_is_not_undone_is_refused_naming_the_case():
    with pytest.raises(
        GeometryError, match=r"case c17: .*shape \(8, 12\); received .*shape \(4, 12\)"
    ):
        list(TestTimeAugmentation([Shrink()])(pointwise(), IMAGE, case_id="c17"))


def test_the_inner_samplers_refusals_are_passed_on():
    with pytest.raises(SamplingError, match="active dropout layer"):
        TestTimeAugmentation(inner=MCDropout()).model_id(pointwise())
    with pytest.raises(SamplingError, match="a Predictor for SinglePass"):
        TestTimeAugmentation(inner=SinglePass()).model_id(None)
