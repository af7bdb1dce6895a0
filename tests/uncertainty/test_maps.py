import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from segqc_conformal.uncertainty.accumulator import UncertaintyAccumulator

VOXELS = 24


def softmax_samples(samples: int, classes: int, seed: int, sharpness: float) -> np.ndarray:
    z = np.random.default_rng(seed).normal(size=(samples, classes, VOXELS)) * sharpness
    p = np.exp(z - z.max(1, keepdims=True))
    return (p / p.sum(1, keepdims=True)).astype(np.float32)


def certain_samples(samples: int, classes: int, seed: int, rest: float) -> np.ndarray:
    """One class at 1 in each voxel, the others at `rest`; the voxels differ in how often each."""
    rng = np.random.default_rng(seed)
    share = rng.dirichlet([0.5] * classes, VOXELS)
    chosen = [rng.choice(classes, samples, p=q / q.sum()) for q in share]
    p = np.full((samples, classes, VOXELS), rest, np.float32)
    np.put_along_axis(p, np.stack(chosen, axis=1)[:, None], 1.0, axis=1)
    return p


def alternating_samples(samples: int, classes: int, seed: int, low: float) -> np.ndarray:
    p = np.full((samples, classes, VOXELS), low, np.float32)
    p[::2, 0], p[1::2, 1] = 1.0, 1.0
    return p


def nearly_certain_samples(samples: int, classes: int, seed: int, scale: float) -> np.ndarray:
    p = np.random.default_rng(seed).random((samples, classes, VOXELS)) * scale
    p[:, 0] = 1.0 - p[:, 1:].sum(1)
    return p.astype(np.float32)


DRAWN = st.one_of(
    st.tuples(st.just(softmax_samples), st.sampled_from([0.0, 0.1, 1.0, 5.0, 40.0])),
    st.tuples(st.just(certain_samples), st.sampled_from([0.0, 1e-30, 1e-9])),
    st.tuples(st.just(alternating_samples), st.sampled_from([0.0, 1e-30, 2.0**-23])),
    st.tuples(st.just(nearly_certain_samples), st.sampled_from([1e-7, 1e-5, 1e-3])),
)


def accumulated(samples: np.ndarray, maps="all", **settings) -> UncertaintyAccumulator:
    structures = {f"s{label}": label for label in range(1, max(2, samples.shape[1]))}
    accumulator = UncertaintyAccumulator(structures, maps=maps, **settings)
    for sample in samples:
        accumulator.update(sample)
    return accumulator


@settings(max_examples=40, deadline=None)
@given(
    drawn=DRAWN,
    number=st.sampled_from([1, 2, 3, 5, 8, 9, 20, 80]),
    classes=st.sampled_from([2, 3, 4, 14]),
    seed=st.integers(0, 10**6),
)
def test_every_map_equals_its_definition(brute_force_maps, drawn, number, classes, seed):
    kind, parameter = drawn
    samples = kind(number, classes, seed, parameter)
    maps = accumulated(samples).maps()
    expected = brute_force_maps(samples, tuple(range(1, classes)))
    assert maps.keys() == expected.keys()
    for name, values in expected.items():
        assert maps[name].dtype == np.float32
        np.testing.assert_allclose(maps[name], values, rtol=0, atol=1e-6, err_msg=name)
    standard = accumulated(samples, maps=()).maps()
    for name, values in standard.items():
        np.testing.assert_allclose(values, expected[name], rtol=0, atol=1e-6, err_msg=name)


@settings(max_examples=10, deadline=None)
@given(number=st.sampled_from([1, 2, 9, 80]), seed=st.integers(0, 10**6))
def test_binary_and_overlapping_maps_equal_their_definition(brute_force_maps, number, seed):
    rng = np.random.default_rng(seed)
    kind = rng.choice(4, (1, 3, VOXELS))
    p = rng.random((number, 3, VOXELS))
    p = np.select([kind == 0, kind == 1, kind == 2], [p, p > 0.5, 1 - 1e-7 * p], 1e-30 * p)
    samples = p.astype(np.float32)
    overlapping = accumulated(samples, channels="overlapping").maps()
    for name, values in brute_force_maps(samples, (), overlapping=True).items():
        np.testing.assert_allclose(overlapping[name], values, atol=1e-6, err_msg=name)
        alone = accumulated(samples[:, 1:2]).maps()[name]
        row = alone[-1] if alone.ndim == 2 else alone  # of (background, structure) the structure
        np.testing.assert_array_equal(row, overlapping[name][1], err_msg=name)


def test_identical_samples_have_exactly_no_spread_and_the_mean_of_one():
    sample = softmax_samples(1, 4, 0, 3.0)
    maps = accumulated(sample.repeat(80, axis=0)).maps()
    np.testing.assert_array_equal(maps["mean_probability"], sample[0])
    for name in ("variance", "standard_deviation", "b_map", "b_map_max", "variation_ratio"):
        assert not maps[name].any(), name
    for name in ("mutual_information", "mutual_information_corrected", "epkl", "rmi"):
        np.testing.assert_allclose(maps[name], 0.0, atol=1e-6, err_msg=name)


def test_one_sample_has_no_disagreement():
    maps = accumulated(softmax_samples(1, 3, 0, 3.0)).maps()
    assert not maps["epkl"].any()
    for name in ("mutual_information", "mutual_information_corrected", "rmi", "variance"):
        np.testing.assert_allclose(maps[name], 0.0, atol=1e-6, err_msg=name)


def test_certain_voxels_have_no_uncertainty_and_no_negative_zero():
    sample = np.zeros((1, 3, 5), np.float32)
    sample[:, 1] = 1.0
    maps = accumulated(sample.repeat(3, axis=0)).maps()
    for name, values in maps.items():
        if name not in ("mean_probability", "confidence", "margin"):
            assert not values.any(), name
            assert not np.signbit(values).any(), name
    assert (maps["confidence"] == 1.0).all()
    assert (maps["margin"] == 1.0).all()


def test_full_disagreement_has_the_largest_values():
    maps = accumulated(alternating_samples(10, 2, 0, 0.0)).maps()
    for name in ("predictive_entropy", "mutual_information"):
        np.testing.assert_allclose(maps[name], np.log(2), atol=1e-6, err_msg=name)
    for name in ("normalised_entropy", "b_map", "b_map_max"):
        np.testing.assert_allclose(maps[name], 1.0, atol=1e-6, err_msg=name)
    np.testing.assert_allclose(maps["variance"], 0.25, atol=1e-7)
    np.testing.assert_allclose(maps["variation_ratio"], 0.5, atol=1e-7)
    # 5 x 5 x 2 of the 90 ordered pairs differ, each by log(2**23).
    np.testing.assert_allclose(maps["epkl"], 50 / 90 * 23 * np.log(2), rtol=1e-6)


@pytest.mark.parametrize(("number", "plug_in"), [(5, 0.1099), (10, 0.1236), (20, 0.1305)])
def test_corrected_mutual_information_is_near_the_jackknife_and_the_truth(number, plug_in):
    # True mutual information of Dirichlet(3, 2, 1.5): 0.1370.
    p = np.random.default_rng(0).dirichlet([3.0, 2.0, 1.5], (number, 20_000))
    p = np.moveaxis(p, -1, 1).astype(np.float32)
    maps = accumulated(p).maps(["mutual_information", "mutual_information_corrected"])
    assert maps["mutual_information"].mean() == pytest.approx(plug_in, abs=1e-3)
    assert maps["mutual_information_corrected"].mean() == pytest.approx(0.1370, abs=1.5e-3)

    def total_entropy(q):
        return -(q * np.log(q)).sum(0)

    p = p.astype(np.float64)
    without = [total_entropy((p.sum(0) - q) / (number - 1)) for q in p]
    jackknife = number * total_entropy(p.mean(0)) - (number - 1) * np.mean(without, axis=0)
    jackknife -= np.mean([total_entropy(q) for q in p], axis=0)
    corrected = maps["mutual_information_corrected"]
    assert np.abs(corrected - jackknife).mean() < 0.7 / number**2


@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA GPU here")
@pytest.mark.parametrize("number", [1, 9, 80])
def test_every_map_on_a_gpu_equals_its_definition(brute_force_maps, number):
    for samples in (softmax_samples(number, 4, 0, 5.0), certain_samples(number, 4, 0, 1e-30)):
        maps = accumulated(torch.from_numpy(samples).cuda()).maps()
        for name, values in brute_force_maps(samples, (1, 2, 3)).items():
            np.testing.assert_allclose(maps[name], values, atol=1e-6, err_msg=name)
