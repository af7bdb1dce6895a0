import numpy as np
import pytest
import torch
from monai.networks.nets import UNet
from torch import nn

from segqc_conformal.errors import SamplingError
from segqc_conformal.sampling.mc_dropout import MCDropout, active_dropout_layers
from segqc_conformal.sampling.predictor import Predictor

IMAGE = np.random.default_rng(0).normal(size=(1, 8, 8)).astype(np.float32)


def unet(dropout: float) -> UNet:
    torch.manual_seed(0)
    return UNet(
        2, 1, 3, channels=(4, 8), strides=(2,), num_res_units=1, dropout=dropout, norm="batch"
    )


def test_samples_differ_and_a_second_call_repeats_them_bit_for_bit():
    predictor = Predictor(unet(0.3))
    first = list(MCDropout(samples=4)(predictor, IMAGE))
    torch.rand(17)  # what ran in between must not matter
    second = list(MCDropout(samples=4)(predictor, IMAGE))
    assert all(torch.equal(a, b) for a, b in zip(first, second, strict=True))
    assert not torch.equal(first[0], first[1])


def test_another_seed_gives_other_samples_and_more_samples_begin_alike():
    predictor = Predictor(unet(0.3))
    four = list(MCDropout(samples=4, seed=0)(predictor, IMAGE))
    six = list(MCDropout(samples=6, seed=0)(predictor, IMAGE))
    other = list(MCDropout(samples=4, seed=1)(predictor, IMAGE))
    assert all(torch.equal(a, b) for a, b in zip(four, six[:4], strict=True))
    assert not torch.equal(four[0], other[0])


def test_only_dropout_is_in_training_mode_while_sampling():
    seen = []

    class Watching(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.inner = unet(0.3)

        def forward(self, batch):
            seen.append({type(m).__name__ for m in self.modules() if m.training})
            return self.inner(batch)

    list(MCDropout(samples=2)(Predictor(Watching().train()), IMAGE))
    assert seen == [{"Dropout"}, {"Dropout"}]


def test_monai_unet_without_dropout_is_refused():
    with pytest.raises(SamplingError, match=r"active dropout layer.*UNet with none.*DeepEnsemble"):
        MCDropout().model_id(Predictor(unet(0.0)))
    with pytest.raises(SamplingError, match="active dropout layer"):
        next(MCDropout()(Predictor(unet(0.0)), IMAGE))


def test_plain_callable_is_refused():
    with pytest.raises(SamplingError, match="active dropout layer"):
        MCDropout().model_id(Predictor(lambda batch: batch, model_id="x"))


def test_identical_samples_are_refused_naming_the_case():
    class Unused(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.conv, self.dropout = nn.Conv2d(1, 2, 1), nn.Dropout(0.5)

        def forward(self, batch):
            self.dropout(batch)
            return self.conv(batch)

    with pytest.raises(SamplingError, match=r"case c17: expected samples that differ.*3 identical"):
        list(MCDropout(samples=3)(Predictor(Unused()), IMAGE, case_id="c17"))


def test_a_single_sample_is_refused():
    with pytest.raises(SamplingError, match="at least 2 samples; received 1"):
        MCDropout(samples=1)


def test_missing_predictor_is_refused():
    with pytest.raises(SamplingError, match="a Predictor for MCDropout"):
        MCDropout().model_id(None)


def test_every_kind_of_dropout_layer_is_found():
    model = nn.Sequential(
        nn.Dropout1d(), nn.Dropout2d(), nn.Dropout3d(), nn.AlphaDropout(), nn.FeatureAlphaDropout()
    )
    assert len(active_dropout_layers(model)) == 5


def test_a_batch_of_passes_has_independent_masks_and_runs_that_many_at_once():
    sizes = []

    def inferer(batch, network):
        sizes.append(len(batch))
        return network(batch)

    predictor = Predictor(unet(0.3), inferer=inferer)
    samples = list(MCDropout(samples=7, batch=3)(predictor, IMAGE))
    assert sizes == [3, 3, 1]
    assert len(samples) == 7
    for number, one in enumerate(samples):
        assert not any(torch.equal(one, other) for other in samples[:number])


def test_batched_passes_repeat_bit_for_bit_and_are_another_stream():
    predictor = Predictor(unet(0.3))
    first = list(MCDropout(samples=4, batch=2)(predictor, IMAGE))
    second = list(MCDropout(samples=4, batch=2)(predictor, IMAGE))
    single = list(MCDropout(samples=4)(predictor, IMAGE))
    assert all(torch.equal(a, b) for a, b in zip(first, second, strict=True))
    assert not torch.equal(first[1], single[1])


def test_batched_passes_have_the_mean_of_single_ones():
    predictor = Predictor(unet(0.3))
    single = torch.stack(list(MCDropout(samples=400)(predictor, IMAGE)))
    batched = torch.stack(list(MCDropout(samples=400, batch=50)(predictor, IMAGE)))
    error = (single.var(0) / 400 + batched.var(0) / 400).sqrt().clamp_min(1e-6)
    assert ((single.mean(0) - batched.mean(0)) / error).abs().max() < 5.0


def test_the_batch_is_named_only_where_it_is_not_one():
    assert MCDropout(samples=5, batch=1).sampler_id == "MCDropout(samples=5, seed=0)"
    assert MCDropout(samples=5, batch=2).sampler_id == "MCDropout(samples=5, seed=0, batch=2)"
    with pytest.raises(SamplingError, match="a batch of at least 1; received 0"):
        MCDropout(batch=0)


def test_a_batch_is_refused_where_batch_normalisation_would_mix_passes():
    norm = nn.BatchNorm2d(2, track_running_stats=False)
    predictor = Predictor(nn.Sequential(nn.Conv2d(1, 2, 1), nn.Dropout(), norm))
    assert len(list(MCDropout(samples=2)(predictor, IMAGE))) == 2
    with pytest.raises(SamplingError, match=r"do not mix in a batch of 2.*use batch=1"):
        MCDropout(samples=4, batch=2).model_id(predictor)
