import itertools
import math
import sys

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from segqc_conformal.dice import dice
from segqc_conformal.errors import GeometryError, InputError
from segqc_conformal.measures.schema import STANDARD, FeatureSchema
from segqc_conformal.uncertainty.accumulator import UncertaintyAccumulator

SPACING = (1.0, 2.0, 0.5)
STRUCTURES = {"a": 1, "b": 2}


def random_samples(samples: int = 4, seed: int = 0, sharpness: float = 2.0) -> np.ndarray:
    logits = np.random.default_rng(seed).normal(size=(samples, 3, 5, 6, 4)) * sharpness
    logits += np.random.default_rng(seed + 1).normal(size=(3, 5, 6, 4)) * sharpness
    p = np.exp(logits)
    return (p / p.sum(1, keepdims=True)).astype(np.float32)


def accumulated(
    samples, structures=STRUCTURES, spacing=SPACING, **settings
) -> UncertaintyAccumulator:
    accumulator = UncertaintyAccumulator(structures, spacing, **settings)
    for sample in samples:
        accumulator.update(sample)
    return accumulator


def brute_force_features(maps, samples: np.ndarray, mask: np.ndarray, label: int):
    """Give all features but those of the shape, which has tests of its own."""
    p = samples.astype(np.float64)
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
        "pairwise_dice": np.mean(pairs),
        "pairwise_dice_min": min(pairs),
        "iou_all": np.all(masks, axis=0).sum() / union if union else 1.0,
        "volume_cv": volumes.std(ddof=1) / volumes.mean() if len(p) > 1 and union else 0.0,
        "sample_dice_mean": np.mean([dice(m, inside) for m in masks]),
        "sample_dice_min": min(dice(m, inside) for m in masks),
        "soft_dice_confidence": 2 * q[inside].sum() / (q.sum() + size),
        "mean_probability": q[inside].mean() if size else 0.0,
        "probability_outside": q[~inside].sum() / q.sum() if size else 1.0,
        "uncertain_mass": (q * (1 - q)).sum() / (q.sum() + size) if size else 1.0,
        "uncertain_volume_fraction": uncertain.sum() / (uncertain | inside).sum() if size else 1.0,
        "volume_ml": mm3 / 1000,
        "log_volume": math.log10(1 + mm3),
    }


@settings(max_examples=30, deadline=None)
@given(
    number=st.integers(1, 6),
    seed=st.integers(0, 10**6),
    sharpness=st.sampled_from([0.0, 0.1, 3.0, 40.0]),
    deployed=st.booleans(),
)
def test_features_equal_brute_force(brute_force_maps, number, seed, sharpness, deployed):
    samples = random_samples(number, seed, sharpness)
    accumulator = accumulated(samples)
    mask = np.random.default_rng(seed).integers(0, 2, (5, 6, 4)) if deployed else None
    features = accumulator.features(mask)
    judged = accumulator.fused_mask() if mask is None else mask
    maps = brute_force_maps(samples, (1, 2))
    for name, label in STRUCTURES.items():
        expected = brute_force_features(maps, samples, judged, label)
        assert features[name].keys() == set(STANDARD.names) > expected.keys()
        for feature, value in expected.items():
            assert features[name][feature] == pytest.approx(value, rel=1e-6, abs=1e-6), feature
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
def test_every_float_type_equals_its_float32_form(dtype, brute_force_maps):
    samples = [torch.from_numpy(sample).to(dtype) for sample in random_samples()]
    upcast = np.stack([sample.float().numpy() for sample in samples])
    maps = accumulated(samples, maps="all").maps()
    for name, expected in brute_force_maps(upcast, (1, 2)).items():
        expected = np.maximum(0.0, expected)  # rounded classes no longer sum to 1
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
        ({"value": 0.9, "all": True}, "sum to 1.*2.7.*channels='overlapping'"),
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


def test_memory_does_not_grow_with_the_samples_besides_one_bit_each():
    samples = random_samples(70)
    few, many = (accumulated(samples[:n], maps="all")._taken.buffers for n in (10, 70))
    held = ("mean", "spread", "logs", "expected", "one_vs_rest")
    assert few.held == set(held)
    assert [getattr(few, name).nbytes for name in held] == [
        getattr(many, name).nbytes for name in held
    ]
    voxels = samples[0, 0].size
    assert [word.nbytes for word in few.words] == [2 * voxels] * 2  # 2 structures, 8 samples
    assert [word.nbytes for word in many.words] == [2 * voxels] * 9


def test_standard_schema_holds_no_more_than_a_sample_and_a_map():
    samples = random_samples(3)
    buffers = accumulated(samples)._taken.buffers
    assert buffers.held == {"mean", "expected"}
    assert buffers.mean.nbytes == samples[0].nbytes


def test_aggregate_schema_holds_masks_only_and_refuses_maps_by_name():
    samples = random_samples(5)
    aggregate = accumulated(samples, schema=FeatureSchema("aggregate"))
    assert aggregate._taken.buffers.held == set()
    with pytest.raises(InputError, match="an accumulator that aggregates only"):
        aggregate.maps()
    with pytest.raises(InputError, match=r"received \['epkl'\]; remedy: ask for them before"):
        aggregate.maps(["epkl"])
    mask = accumulated(samples).fused_mask()
    features, standard = aggregate.features(mask)["a"], accumulated(samples).features(mask)["a"]
    common = features.keys() & standard.keys()
    assert {"pairwise_dice", "volume_ml"} < common
    assert {name: features[name] for name in common} == {name: standard[name] for name in common}


@pytest.mark.parametrize("structures", [STRUCTURES, {"b": 2}])
def test_aggregate_schema_fuses_by_majority_the_lower_label_winning(structures):
    samples = random_samples(6)
    chosen = samples.argmax(1)
    expected = np.stack([(chosen == label).sum(0) for label in range(3)]).argmax(0)
    aggregate = accumulated(samples, structures, schema=FeatureSchema("aggregate"))
    np.testing.assert_array_equal(aggregate.fused_mask(), expected)


def test_maps_are_those_whose_buffers_are_held_and_more_when_asked():
    samples = random_samples()
    standard = set(accumulated(samples).maps())
    assert {"mutual_information", "confidence"} <= standard
    assert standard.isdisjoint({"epkl", "variance", "one_vs_rest_mutual_information"})
    assert set(accumulated(samples, maps=["epkl"]).maps()) - standard == {"epkl", "rmi"}
    assert "variation_ratio" in standard  # both classes besides the background are structures
    assert "variation_ratio" not in accumulated(samples, {"a": 1}).maps()
    asked = accumulated(samples, {"a": 1}, maps=["variation_ratio"]).maps(["variation_ratio"])
    np.testing.assert_array_equal(
        asked["variation_ratio"], accumulated(samples).maps()["variation_ratio"]
    )


def test_unknown_maps_and_maps_not_held_are_refused_by_name():
    with pytest.raises(InputError, match=r"maps among mean_probability, .*received \['ekpl'\]"):
        UncertaintyAccumulator({"a": 1}, maps=["ekpl"])
    accumulator = accumulated(random_samples())
    with pytest.raises(InputError, match=r"names among .*received \['vacuity'\]"):
        accumulator.maps(["vacuity"])
    with pytest.raises(InputError, match=r"held; received \['rmi'\]; .*maps=\('rmi',\)"):
        accumulator.maps(["confidence", "rmi"])


def test_further_maps_change_no_feature():
    samples = random_samples()
    more = accumulated(samples, maps="all").features()
    for name, features in accumulated(samples).features().items():
        assert more[name] == pytest.approx(features, rel=1e-6, abs=1e-7)


def test_what_was_said_is_what_is_told():
    accumulator = accumulated(random_samples())
    assert accumulator.spatial_shape == (5, 6, 4)
    assert accumulator.spacing_mm == SPACING
    assert (accumulator.channels, accumulator.class_count, accumulator.samples) == (
        "exclusive",
        3,
        4,
    )


def region_samples(number: int = 4) -> np.ndarray:
    return np.random.default_rng(7).random((number, 3, 5, 6, 4)).astype(np.float32)


def test_overlapping_regions_are_binary_structures_each(brute_force_maps):
    samples, regions = region_samples(), {"core": 3, "whole": 1}
    accumulator = accumulated(samples, regions, channels="overlapping", maps="all")
    maps = accumulator.maps()
    expected = brute_force_maps(samples, (), overlapping=True)
    assert maps.keys() == expected.keys()
    for name, values in expected.items():
        assert maps[name].shape == (3, 5, 6, 4)
        np.testing.assert_allclose(maps[name], values, atol=1e-6, err_msg=name)
    fused = accumulator.fused_mask()
    np.testing.assert_array_equal(fused, samples.astype(np.float64).mean(0) > 0.5)
    for name, label in regions.items():
        alone = accumulated(samples[:, label - 1 : label], {name: 1})
        assert accumulator.features()[name] == pytest.approx(
            alone.features()[name], rel=1e-6, abs=1e-7
        )
        judged = np.roll(fused, 1, axis=2)
        assert accumulator.features(judged)[name] == pytest.approx(
            alone.features(judged[label - 1])[name], rel=1e-6, abs=1e-7
        )


def test_one_overlapping_region_is_a_binary_structure():
    samples = region_samples()[:, :1]
    overlapping = accumulated(samples, {"a": 1}, channels="overlapping")
    exclusive = accumulated(samples, {"a": 1})
    assert overlapping.features() == exclusive.features()
    assert overlapping.fused_mask().shape == (5, 6, 4)
    assert overlapping.channels == exclusive.channels == "exclusive"


def test_aggregate_schema_votes_in_each_region():
    samples = region_samples(5)
    settings = {"channels": "overlapping", "schema": FeatureSchema("aggregate")}
    fused = accumulated(samples, {"core": 3}, **settings).fused_mask()
    np.testing.assert_array_equal(fused, (samples > 0.5).sum(0) > 2.5)


def test_masks_of_regions_that_are_no_stack_of_zeros_and_ones_are_refused():
    accumulator = accumulated(region_samples(), {"core": 3}, channels="overlapping")
    with pytest.raises(GeometryError, match=r"shape \(3, 5, 6, 4\).*one mask of 0 and 1 for each"):
        accumulator.features(np.zeros((5, 6, 4), int))
    with pytest.raises(InputError, match=r"masks of 0 and 1, one for each region; .*0 to 2"):
        accumulator.features(np.full((3, 5, 6, 4), 2) * np.eye(4, dtype=int)[0])
    with pytest.raises(InputError, match="labels up to the number of regions, 3"):
        accumulated(region_samples(), {"core": 4}, channels="overlapping")


def test_weight_two_counts_as_two_elements():
    samples = random_samples().reshape(4, 3, -1).swapaxes(1, 2)  # (elements, classes)
    mask = np.random.default_rng(0).integers(0, 3, samples.shape[1])
    weights = np.random.default_rng(1).integers(1, 4, samples.shape[1])
    few = accumulated(samples, spacing=None, element_weights=weights)
    many = accumulated(
        samples.repeat(weights, axis=1), spacing=None, element_weights=np.ones(weights.sum())
    )
    for judged in (None, mask):
        again = None if judged is None else judged.repeat(weights)
        for name, features in few.features(judged).items():
            assert features == pytest.approx(many.features(again)[name], rel=1e-9, abs=1e-12)
    assert few.fused_mask().shape == mask.shape
    assert few.maps()["mean_probability"].shape == (3, mask.size)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"element_weights": [1.0, 0.0]}, "element_weights .* finite numbers > 0"),
        ({"element_weights": [[1.0]]}, "element_weights"),
        ({"element_weights": [1.0, np.nan]}, "element_weights"),
        ({"element_weights": [1.0], "spacing_mm": (2.0,)}, "spacing_mm or element_weights"),
        ({"region_map": np.zeros(3)}, "a region_map of integers"),
        ({"schema": FeatureSchema(regions={"apex": 1})}, "a region_map with the schema's regions"),
        ({"channels": "evidence", "fast": True}, "exclusive classes for fast=True"),
    ],
)
def test_settings_that_do_not_fit_are_refused(settings, message):
    with pytest.raises(InputError, match=message):
        UncertaintyAccumulator({"a": 1}, **settings)


def test_samples_that_do_not_fit_the_settings_are_refused():
    with pytest.raises(GeometryError, match=r"\(elements, classes\) with 3 elements"):
        UncertaintyAccumulator({"a": 1}, element_weights=[1, 1, 1]).update(np.full((2, 3), 0.5))
    with pytest.raises(GeometryError, match="a region_map on the samples' grid"):
        UncertaintyAccumulator({"a": 1}, region_map=np.zeros((2, 2), int)).update(
            np.full((2, 3), 0.5)
        )
    with pytest.raises(GeometryError, match=r"an image of shape \(channels, 5, 6, 4\)"):
        accumulated(random_samples()).features(image=np.zeros((5, 6)))
    regions = UncertaintyAccumulator({"a": 1}, channels="overlapping", fast=True)
    with pytest.raises(InputError, match="exclusive classes on a CPU for fast=True"):
        regions.update(np.full((3, 4), 0.5))


def test_own_features_see_image_region_map_and_every_map_held():
    seen = []

    def look(structure):
        seen.append(structure)
        return {}

    schema = FeatureSchema(own=look)
    regions, image = np.ones((5, 6, 4), np.uint8), np.zeros((5, 6, 4))
    accumulator = accumulated(random_samples(), schema=schema, region_map=regions)
    accumulator.features(image=image)
    maps = accumulator.maps()
    for place, structure in enumerate(seen):
        assert structure.image.shape == (1, 5, 6, 4)
        assert structure.region_map.dtype == np.int64
        assert structure.class_count == 3
        assert structure.maps.keys() == maps.keys()
        assert structure.probability is structure.maps["mean_probability"] or torch.equal(
            structure.probability, structure.maps["mean_probability"]
        )
        own = {"mean_probability": place + 1, "one_vs_rest_predictive_entropy": place}
        for name, values in maps.items():
            expected = values[own[name]] if name in own else values
            np.testing.assert_array_equal(
                structure.maps[name].reshape(expected.shape), expected, err_msg=name
            )


def test_maps_of_a_structure_are_computed_once_and_only_when_asked(monkeypatch):
    from segqc_conformal.uncertainty import lazy_maps

    asked, compute = [], lazy_maps.computed_map
    monkeypatch.setattr(
        lazy_maps, "computed_map", lambda rule, *rest: asked.append(rule) or compute(rule, *rest)
    )
    accumulated(random_samples()).features()
    assert len(asked) == len(set(map(id, asked))) == 4  # p and three entropies; two structures


def test_larger_certain_background_changes_no_map_inside():
    samples = random_samples(5)
    around = np.zeros((5, 3, 9, 11, 16), np.float32)
    around[:, 0] = 1.0
    inside = (..., slice(2, 7), slice(4, 10), slice(9, 13))
    around[inside] = samples
    small, large = (accumulated(x, maps="all").maps() for x in (samples, around))
    for name, values in small.items():
        np.testing.assert_array_equal(large[name][inside], values, err_msg=name)
    outside = large["predictive_entropy"].copy()
    outside[inside] = 0
    assert not outside.any()


def test_sizes_of_the_runs_change_no_value(monkeypatch):
    from segqc_conformal.uncertainty import voxel_runs

    samples = random_samples(9)
    whole = accumulated(samples, maps="all")
    monkeypatch.setattr(voxel_runs, "_CACHED", 3 * 7)
    runs = accumulated(samples, maps="all")
    for name, values in whole.maps().items():
        np.testing.assert_array_equal(runs.maps()[name], values, err_msg=name)
    assert runs.features() == whole.features()


def test_interrupted_update_is_refused_afterwards_and_a_failed_one_changes_nothing(monkeypatch):
    from segqc_conformal.uncertainty import taken_samples

    accumulator = accumulated(random_samples(9))
    before = accumulator.features()
    for wrong in (np.full((3, 5, 6, 4), np.nan), np.full((3, 5, 6, 5), 1 / 3), np.zeros((3, 5))):
        with pytest.raises(InputError):
            accumulator.update(wrong)
    assert (accumulator.features(), accumulator.samples) == (before, 9)

    def interrupt(*arguments):
        raise KeyboardInterrupt

    monkeypatch.setattr(taken_samples, "add_masks", interrupt)
    with pytest.raises(KeyboardInterrupt):
        accumulator.update(random_samples(1)[0])
    for use in (accumulator.features, accumulator.maps, accumulator.fused_mask):
        with pytest.raises(InputError, match="interrupted with a sample half taken"):
            use()
    with pytest.raises(InputError, match="interrupted"):
        accumulator.update(random_samples(1)[0])


def test_refused_first_sample_settles_no_shape():
    accumulator = UncertaintyAccumulator(STRUCTURES, SPACING)
    with pytest.raises(InputError):
        accumulator.update(np.full((2, 3, 3, 3), 0.5))
    accumulator.update(random_samples(1)[0])
    assert accumulator.samples == 1


def test_the_callers_sample_is_neither_changed_nor_kept():
    samples = random_samples(3)
    accumulator = accumulated(samples, maps="all")
    before, copies = accumulator.maps(), samples.copy()
    np.testing.assert_array_equal(samples, copies)
    samples[:] = 0.0
    for name, values in accumulator.maps().items():
        np.testing.assert_array_equal(values, before[name])


@pytest.mark.parametrize("maps", ["all", ()])
def test_fast_path_gives_the_same_values(maps):
    pytest.importorskip("numba", reason="numba is not installed")
    samples = random_samples(10)
    for channels, structures in ((samples, STRUCTURES), (samples[:, 1:2], {"a": 1})):
        plain = accumulated(channels, structures, maps=maps)
        fast = accumulated(channels, structures, maps=maps, fast=True)
        for name, values in plain.maps().items():
            np.testing.assert_allclose(fast.maps()[name], values, atol=1e-6, err_msg=name)
        for name, features in plain.features().items():
            assert fast.features()[name] == pytest.approx(features, rel=1e-6, abs=1e-6)


def test_fast_path_without_numba_is_refused_with_the_remedy(monkeypatch):
    monkeypatch.setitem(sys.modules, "numba", None)
    with pytest.raises(InputError, match=r"pip install 'segqc-conformal\[fast\]'"):
        UncertaintyAccumulator({"a": 1}, fast=True)


needs_gpu = pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA GPU here")


@needs_gpu
@pytest.mark.parametrize("channels", ["exclusive", "overlapping", "evidence"])
def test_gpu_maps_and_features_equal_those_of_the_cpu(channels):
    samples = region_samples(10) if channels == "overlapping" else random_samples(10)
    samples = samples[:1] * 9 if channels == "evidence" else samples
    settings = {"channels": channels, "maps": "all"}
    cpu = accumulated(samples, **settings)
    gpu = accumulated([torch.from_numpy(sample).cuda() for sample in samples], **settings)
    for name, values in cpu.maps().items():
        np.testing.assert_allclose(gpu.maps()[name], values, atol=1e-6, err_msg=name)
    np.testing.assert_array_equal(gpu.fused_mask(), cpu.fused_mask())
    for name, features in cpu.features().items():
        assert gpu.features()[name] == pytest.approx(features, rel=1e-5, abs=1e-6)


@needs_gpu
def test_gpu_gives_the_same_features_twice_bit_for_bit():
    samples = [torch.from_numpy(sample).cuda() for sample in random_samples(10)]
    assert accumulated(samples).features() == accumulated(samples).features()


@needs_gpu
def test_samples_from_several_devices_meet_on_the_first_ones_device():
    samples = [torch.from_numpy(sample) for sample in random_samples(4)]
    mixed = [sample.cuda() if number % 2 else sample for number, sample in enumerate(samples)]
    assert accumulated(mixed).features() == accumulated(samples).features()


@needs_gpu
def test_fast_is_refused_on_a_gpu():
    accumulator = UncertaintyAccumulator(STRUCTURES, SPACING, fast=True)
    with pytest.raises(InputError, match="exclusive classes on a CPU for fast=True"):
        accumulator.update(torch.from_numpy(random_samples(1)[0]).cuda())


def test_unknown_channels_schemas_and_maps_of_masks_alone_are_refused():
    with pytest.raises(InputError, match="channels as one of exclusive, overlapping, evidence"):
        UncertaintyAccumulator({"a": 1}, channels="overlaping")
    with pytest.raises(InputError, match=r"schema as a FeatureSchema; received 'full'"):
        UncertaintyAccumulator({"a": 1}, schema="full")
    with pytest.raises(InputError, match="no maps where masks alone are held"):
        UncertaintyAccumulator({"a": 1}, schema=FeatureSchema("aggregate"), maps=["confidence"])


def test_pairwise_dice_is_that_of_each_two_masks():
    samples = random_samples(10)
    found = accumulated(samples).pairwise_dice()
    masks = [sample.argmax(0) for sample in samples]
    for name, label in STRUCTURES.items():
        expected = [[dice(a == label, b == label) for b in masks] for a in masks]
        np.testing.assert_allclose(found[name], expected, rtol=1e-12)


def test_pairwise_dice_of_elements_is_weighted():
    weights = np.array([1.0, 2.0, 3.0])
    accumulator = UncertaintyAccumulator({"a": 1}, element_weights=weights)
    accumulator.update(np.array([[0.1, 0.9], [0.2, 0.8], [0.9, 0.1]]))
    accumulator.update(np.array([[0.9, 0.1], [0.2, 0.8], [0.1, 0.9]]))
    np.testing.assert_allclose(accumulator.pairwise_dice()["a"], [[1, 0.5], [0.5, 1]])
