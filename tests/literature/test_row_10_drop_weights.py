"""Row 10 (Ghoshal et al. 2020): weights dropped at random, and information without its bias."""

from functools import cache

import numpy as np
import pytest
import torch
from literature_row import LiteratureRow
from scipy.special import digamma, expit

import segqc_conformal as sq

ROW = LiteratureRow(
    system="MC-DropWeights",
    paper="Ghoshal et al. (2020)",
    signal="mean over the classes of the samples' standard deviation, and mutual information "
    "corrected for few samples",
    names=("sampling.drop_weights.DropWeights", "uncertainty.accumulator.UncertaintyAccumulator"),
    asserted="a network of one weight takes the two values that dropping it gives, whose deviation "
    "is the map; of a known Dirichlet the corrected information is ten times nearer to the truth",
    reconstruction="the paper's jackknife needs a second pass over the samples; here the same bias "
    "is removed to the second order in one pass.",
)
CONCENTRATION = np.array([3.0, 2.0, 1.5])
WEIGHT, BIAS = 3.0, -1.0


def true_information() -> float:
    """Return the mutual information of a Dirichlet distribution, by its closed form."""
    total = CONCENTRATION.sum()
    mean = CONCENTRATION / total
    expected = float((mean * (digamma(total + 1) - digamma(CONCENTRATION + 1))).sum())
    return float(-(mean * np.log(mean)).sum()) - expected


@cache
def biases(samples: int, shuffled: bool = False) -> tuple[float, float]:
    """Return how far plug-in and corrected information lie from the truth, over many voxels."""
    rng = np.random.default_rng(samples)
    drawn = np.moveaxis(rng.dirichlet(CONCENTRATION, (samples, 20_000)), -1, 1)
    if shuffled:  # the classes of each sample in an order of their own: another distribution
        drawn = rng.permuted(drawn, axis=1)
    kinds = ("mutual_information", "mutual_information_corrected")
    accumulator = sq.UncertaintyAccumulator({"first": 1}, maps=kinds)
    for sample in drawn.astype(np.float32):
        accumulator.update(sample / sample.sum(axis=0))
    plug_in, corrected = (accumulator.maps()[kind].mean() for kind in kinds)
    return abs(plug_in - true_information()), abs(corrected - true_information())


@pytest.mark.parametrize("samples", [5, 10, 20])
def test_row_10_corrected_information_is_nearer_to_the_truth(samples: int) -> None:
    plug_in, corrected = biases(samples)
    assert plug_in > 0.1 / samples
    assert corrected < plug_in / 10


def test_row_10_twin_samples_with_shuffled_classes_are_far_from_it() -> None:
    plug_in, corrected = biases(10, shuffled=True)
    assert corrected > 0.03
    assert corrected > plug_in / 10


def one_weight() -> sq.Predictor:
    network = torch.nn.Conv1d(1, 1, 1)
    with torch.no_grad():
        network.weight.fill_(WEIGHT)
        network.bias.fill_(BIAS)
    return sq.Predictor(network, activation="sigmoid")


def test_row_10_the_map_is_the_deviation_of_the_two_values_of_a_dropped_weight() -> None:
    rate, image = 0.3, torch.linspace(0.1, 1.0, 5)[None]
    accumulator = sq.UncertaintyAccumulator({"on": 1}, maps=("standard_deviation",))
    seen = list(sq.DropWeights(rates=(rate,), samples=40)(one_weight(), image))
    gone = expit(BIAS)
    kept = expit(BIAS + WEIGHT / (1 - rate) * image[0].numpy())
    dropped = [bool(np.allclose(sample[0], gone)) for sample in seen]
    for sample, without in zip(seen, dropped, strict=True):
        assert without or np.allclose(sample[0], kept, atol=1e-6)
        accumulator.update(sample)
    share = np.mean(dropped)
    assert 0.1 < share < 0.5
    found = accumulator.maps(["standard_deviation"])["standard_deviation"]
    assert found == pytest.approx(np.sqrt(share * (1 - share)) * np.abs(kept - gone), abs=1e-5)


def test_row_10_an_ensemble_of_rates_drops_more_at_the_higher_ones() -> None:
    image = torch.ones(1, 5)
    seen = list(sq.DropWeights(rates=(0.1, 0.6), samples=120)(one_weight(), image))
    gone = [np.mean([np.allclose(s[0], expit(BIAS)) for s in seen[start::2]]) for start in (0, 1)]
    assert gone == pytest.approx([0.1, 0.6], abs=0.15)
