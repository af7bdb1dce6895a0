import itertools
import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from segqc_conformal.dice import dice
from segqc_conformal.errors import GeometryError, InputError
from segqc_conformal.uncertainty.accumulator import UncertaintyAccumulator
from segqc_conformal.uncertainty.shape import shape_features
from segqc_conformal.uncertainty.structure_features import FEATURES

SPACING = (1.0, 2.0, 0.5)
STRUCTURES = {"a": 1, "b": 2}


def random_samples(samples: int = 4, seed: int = 0, sharpness: float = 2.0) -> np.ndarray:
    logits = np.random.default_rng(seed).normal(size=(samples, 3, 5, 6, 4)) * sharpness
    logits += np.random.default_rng(seed + 1).normal(size=(3, 5, 6, 4)) * sharpness
    p = np.exp(logits)
    return (p / p.sum(1, keepdims=True)).astype(np.float32)


def accumulated(samples, structures=STRUCTURES, spacing=SPACING) -> UncertaintyAccumulator:
    accumulator = UncertaintyAccumulator(structures, spacing)
    for sample in samples:
        accumulator.update(sample)
    return accumulator


def brute_force_maps(samples: np.ndarray) -> dict[str, np.ndarray]:
    p = samples.astype(np.float64)
    mean = p.mean(0)
    logs = np.log(p, out=np.zeros_like(p), where=p > 0)
    log_mean = np.log(mean, out=np.zeros_like(mean), where=mean > 0)
    # Mutual information as the mean divergence of the samples from their mean: another formula.
    return {
        "mean_probability": mean,
        "predictive_entropy": -(mean * log_mean).sum(0),
        "expected_entropy": -(p * logs).sum(1).mean(0),
        "mutual_information": (p * (logs - log_mean)).sum(1).mean(0),
    }


def brute_force_features(samples: np.ndarray, mask: np.ndarray, label: int) -> dict[str, float]:
    p = samples.astype(np.float64)
    maps = brute_force_maps(samples)
    q, inside = maps["mean_probability"][label], mask == label
    masks = [sample.argmax(0) == label for sample in samples]
    pairs = [dice(a, b) for a, b in itertools.combinations(masks, 2)] or [1.0]
    volumes = np.array([m.sum() for m in masks])
    union = np.any(masks, axis=0).sum()
    uncertain = (q > 0.205) & (q < 0.795)
    size = inside.sum()
    mm3 = size * math.prod(SPACING)
    means = {
        name: maps[name][inside].mean() if size else math.log(p.shape[1])
        for name in ("predictive_entropy", "expected_entropy", "mutual_information")
    }
    return {
        **means,
        **shape_features(inside, SPACING),
        "pairwise_dice": np.mean(pairs),
        "pairwise_dice_min": min(pairs),
        "iou_all": np.all(masks, axis=0).sum() / union if union else 1.0,
        "volume_cv": volumes.std(ddof=1) / volumes.mean() if len(p) > 1 and union else 0.0,
        "sample_dice_mean": np.mean([dice(m, inside) for m in masks]),
        "sample_dice_min": min(dice(m, inside) for m in masks),
        "soft_dice_confidence": 2 * q[inside].sum() / (q.sum() + size),
        "mean_probability": q[inside].mean() if size else 0.0,
        "probability_outside": q[~inside].sum() / q.sum() if size else 1.0,
        "uncertain_mass": (q * (1 - q)).sum() / (q.sum() + size),
        "uncertain_volume_fraction": uncertain.sum() / max(1, (uncertain | inside).sum()),
        "volume_ml": mm3 / 1000,
        "log_volume": math.log10(1 + mm3),
    }


@pytest.mark.parametrize("number", [1, 2, 5, 70])
def test_maps_equal_brute_force(number):
    samples = random_samples(number)
    maps, expected = accumulated(samples).maps(), brute_force_maps(samples)
    assert maps.keys() == expected.keys()
    for name in expected:
        np.testing.assert_allclose(maps[name], expected[name], atol=1e-6, err_msg=name)


@settings(max_examples=30, deadline=None)
@given(
    number=st.integers(1, 6),
    seed=st.integers(0, 10**6),
    sharpness=st.sampled_from([0.0, 0.1, 3.0, 40.0]),
    deployed=st.booleans(),
)
def test_features_equal_brute_force(number, seed, sharpness, deployed):
    samples = random_samples(number, seed, sharpness)
    accumulator = accumulated(samples)
    mask = np.random.default_rng(seed).integers(0, 2, (5, 6, 4)) if deployed else None
    features = accumulator.features(mask)
    judged = accumulator.fused_mask() if mask is None else mask
    for name, label in STRUCTURES.items():
        expected = brute_force_features(samples, judged, label)
        assert features[name].keys() == set(FEATURES) == expected.keys()
        for feature, value in expected.items():
            assert features[name][feature] == pytest.approx(value, rel=1e-5, abs=2e-6), feature
            assert type(features[name][feature]) is float


def test_fused_mask_is_the_largest_mean_probability():
    samples = random_samples(5)
    fused = accumulated(samples).fused_mask()
    assert fused.dtype == np.int64
    np.testing.assert_array_equal(fused, samples.astype(np.float64).mean(0).argmax(0))


def test_equal_probabilities_go_to_the_lower_label():
    assert accumulated([np.full((3, 2), 1 / 3)], spacing=None).fused_mask().tolist() == [0, 0]
    assert accumulated([np.full((1, 2), 0.5)], {"a": 1}, None).fused_mask().tolist() == [0, 0]


def test_one_channel_equals_two_exclusive_classes():
    p = np.random.default_rng(0).random((4, 1, 6, 7)).astype(np.float32)
    one = accumulated(p, {"lesion": 1}, (1.0, 1.0))
    two = accumulated(np.concatenate([1 - p, p], axis=1), {"lesion": 1}, (1.0, 1.0))
    assert one.features() == two.features()
    for name, values in two.maps().items():
        np.testing.assert_array_equal(one.maps()[name], values)


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float64])
def test_every_float_type_equals_its_float32_form(dtype):
    samples = [torch.from_numpy(sample).to(dtype) for sample in random_samples()]
    upcast = [sample.float() for sample in samples]
    maps = accumulated(samples).maps()
    for name, expected in brute_force_maps(np.stack([s.numpy() for s in upcast])).items():
        if name != "mutual_information":  # rounded classes no longer sum to 1
            np.testing.assert_allclose(maps[name], expected, atol=1e-6, err_msg=name)


@pytest.mark.parametrize("form", ["torch", "fortran", "read-only", "big-endian", "requires grad"])
def test_every_form_of_array_gives_the_same_features(form):
    samples = random_samples()
    convert = {
        "torch": torch.from_numpy,
        "fortran": np.asfortranarray,
        "read-only": lambda s: np.frombuffer(s.tobytes(), s.dtype).reshape(s.shape),
        "big-endian": lambda s: s.astype(">f4"),
        "requires grad": lambda s: torch.from_numpy(s).requires_grad_(),
    }[form]
    result = accumulated([convert(sample) for sample in samples]).features()
    assert result == accumulated(samples).features()


def test_identical_samples_agree_completely():
    sample = random_samples(1)[0]
    features = accumulated([sample] * 5).features()["a"]
    names = ("pairwise_dice", "pairwise_dice_min", "iou_all", "sample_dice_mean")
    assert [features[name] for name in names] == [1.0] * 4
    assert features["volume_cv"] == 0.0
    assert features["mutual_information"] == pytest.approx(0.0, abs=1e-6)


def test_empty_prediction_never_looks_confident_and_is_finite():
    sample = np.zeros((3, 4, 4), np.float32)
    sample[0], sample[1] = 0.999, 0.001  # certain background everywhere, structure b impossible
    features = accumulated([sample, sample], spacing=(1.0, 1.0)).features()
    for structure in features.values():
        assert all(math.isfinite(value) for value in structure.values())
        assert structure["volume_ml"] == structure["mean_probability"] == 0.0
        assert structure["predictive_entropy"] == structure["mutual_information"] == math.log(3)
        assert structure["probability_outside"] == 1.0
    assert features["a"]["soft_dice_confidence"] == 0.0


def test_volume_cv_is_at_most_the_root_of_the_number_of_samples():
    empty, full = np.zeros((1, 9), np.float32), np.ones((1, 9), np.float32)
    features = accumulated([empty] * 8 + [full], {"a": 1}, None).features()["a"]
    assert features["volume_cv"] == pytest.approx(3.0)
    assert accumulated([empty] * 3, {"a": 1}, None).features()["a"]["volume_cv"] == 0.0


def test_labels_outside_the_structures_are_not_judged():
    samples = random_samples()
    mask = accumulated(samples).fused_mask()
    other = np.where(mask == 2, 7, mask)
    only_a = accumulated(samples, {"a": 1})
    assert only_a.features(other) == only_a.features(mask)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"value": np.nan}, "finite probabilities; received NaN"),
        ({"value": np.inf}, "finite probabilities"),
        ({"value": -0.2}, r"probabilities in \[0, 1\]"),
        ({"value": 0.9, "all": True}, "sum to 1.*2.7.*overlapping regions are not supported"),
    ],
)
def test_samples_that_are_no_exclusive_probabilities_are_refused(change, message):
    sample = random_samples(1)[0]
    sample[(...,) if change.get("all") else (1, 2, 2, 2)] = change["value"]
    with pytest.raises(InputError, match=message):
        UncertaintyAccumulator(STRUCTURES, SPACING).update(sample)


def test_a_refused_sample_changes_nothing():
    accumulator = accumulated(random_samples())
    before = accumulator.features()
    with pytest.raises(InputError):
        accumulator.update(np.full((3, 5, 6, 4), np.nan))
    assert accumulator.features() == before


def test_label_maps_logits_and_changing_shapes_are_refused():
    accumulator = accumulated(random_samples())
    with pytest.raises(InputError, match="not a label map"):
        accumulator.update(np.zeros((3, 5, 6, 4), np.int64))
    with pytest.raises(GeometryError, match=r"samples of one shape \(3, 5, 6, 4\)"):
        accumulator.update(np.full((2, 5, 6, 4), 0.5))


def test_structures_spacing_and_masks_that_do_not_fit_are_refused():
    with pytest.raises(InputError, match="below the number of classes, 3"):
        accumulated(random_samples(), {"a": 3})
    with pytest.raises(GeometryError, match="one spacing for each of 3 spatial axes"):
        accumulated(random_samples(), spacing=(1.0, 1.0))
    with pytest.raises(InputError, match="spacing_mm of positive numbers"):
        UncertaintyAccumulator({"a": 1}, (1.0, 0.0))
    with pytest.raises(GeometryError, match="a judged mask of shape"):
        accumulated(random_samples()).features(np.zeros((5, 6), int))
    with pytest.raises(InputError, match="a label map of integers"):
        accumulated(random_samples()).features(np.zeros((5, 6, 4)))
    with pytest.raises(InputError, match="at least one sample"):
        UncertaintyAccumulator({"a": 1}).maps()


def test_memory_does_not_grow_with_the_samples_besides_bit_planes():
    samples = random_samples(70)
    few, many = accumulated(samples[:10]), accumulated(samples)
    grids = [
        sum(t.numel() * t.element_size() for t in (acc._total, acc._p_log_p)) for acc in (few, many)
    ]
    words = [len(acc._planes["a"]._words) for acc in (few, many)]
    assert grids[0] == grids[1]
    assert words == [1, 2]


@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA GPU here")
def test_gpu_features_equal_cpu_features():
    samples = random_samples()
    gpu = accumulated([torch.from_numpy(sample).cuda() for sample in samples]).features()
    for name, features in accumulated(samples).features().items():
        assert gpu[name] == pytest.approx(features, rel=1e-5, abs=1e-6)
