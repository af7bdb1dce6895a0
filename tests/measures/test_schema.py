from dataclasses import replace
from functools import partial, update_wrapper
from math import isfinite, log

import numpy as np
import pytest
import torch

from segqc_conformal.errors import InputError
from segqc_conformal.measures.groups import GROUPS
from segqc_conformal.measures.schema import STANDARD, FeatureSchema
from segqc_conformal.uncertainty.accumulator import UncertaintyAccumulator
from segqc_conformal.uncertainty.judged_structure import JudgedStructure

STANDARD_NAMES = (
    "component_count",
    "expected_entropy",
    "extent",
    "iou_all",
    "largest_component_share",
    "log_volume",
    "mean_probability",
    "mutual_information",
    "pairwise_dice",
    "pairwise_dice_min",
    "predictive_entropy",
    "probability_outside",
    "sample_dice_mean",
    "sample_dice_min",
    "soft_dice_confidence",
    "sphericity",
    "surface_to_volume",
    "uncertain_mass",
    "uncertain_volume_fraction",
    "volume_cv",
    "volume_ml",
)
KINDS = ["blob", "noise", "empty", "full", "one voxel", "corner"]
SHAPES = [(15,), (9, 8), (7, 6, 8), (6, 1, 7)]


def votes(structure: JudgedStructure) -> dict[str, float]:
    return {"samples": structure.planes.samples, "judged": np.float32(structure.judged.sum())}


def test_standard_schema_has_its_21_features():
    assert STANDARD.names == STANDARD_NAMES
    assert STANDARD.version == "standard-1"
    assert STANDARD.needs == {"mean", "expected"}


def test_aggregate_schema_needs_no_buffer_and_no_map(draw):
    schema = FeatureSchema("aggregate")
    structure = replace(draw(0, (7, 6, 8)).structure, probability=None, maps={})
    assert not schema.needs
    assert tuple(schema.measure(structure)) == schema.names


def test_the_schemas_contain_each_other():
    full = set(FeatureSchema("full").names)
    assert set(STANDARD.names) < full
    assert set(FeatureSchema("aggregate").names) < full
    assert 120 <= len(full) <= 160


@pytest.mark.parametrize("schema", ["aggregate", "standard", "full"])
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("shape", SHAPES)
def test_every_feature_is_finite_and_named(draw, schema, kind, shape):
    image = np.random.default_rng(0).normal(size=(1, *shape))
    case = draw(0, shape, kind, samples=3, image=image)
    features = FeatureSchema(schema).measure(case.structure)
    assert list(features) == sorted(features)
    assert all(type(value) is float and isfinite(value) for value in features.values())
    assert tuple(features) == FeatureSchema(schema).names


def test_every_feature_is_of_one_group_and_explained_in_one_line():
    names = [name for group in GROUPS for name in group.meanings]
    assert len(names) == len(set(names))
    for group in GROUPS:
        assert all(0 < len(text) <= 100 and "\n" not in text for text in group.meanings.values())


@pytest.mark.parametrize("schema", ["aggregate", "standard", "full"])
def test_flat_elements_have_all_groups_that_need_no_grid(draw, schema):
    weights = np.random.default_rng(0).uniform(0.1, 2.0, 50)
    structure = draw(0, (50,), weights=weights).structure
    groups = [group for group in GROUPS if schema in group.schemas and not group.needs_grid]
    names = {name for group in groups for name in group.meanings}
    assert FeatureSchema(schema).measure(structure).keys() == names


@pytest.mark.parametrize("schema", ["aggregate", "standard", "full"])
def test_equal_weights_are_a_grid_of_such_voxels(draw, schema):
    structure = draw(0, (50,)).structure
    spaced = replace(structure, spacing_mm=(0.4,))
    weighted = replace(structure, weights=torch.full((50,), 0.4, dtype=torch.float64))
    features, twin = (FeatureSchema(schema).measure(each) for each in (weighted, spaced))
    assert features == pytest.approx({name: twin[name] for name in features}, rel=1e-9)


def test_weights_count_as_copies(draw):
    case = draw(1, (40,))
    copies = np.random.default_rng(1).integers(1, 4, 40)
    spread = torch.from_numpy(np.repeat(np.arange(40), copies))
    once = replace(case.structure, weights=torch.from_numpy(copies.astype(np.float64)))
    planes = type(case.structure.planes)()
    for mask in case.masks:
        planes.add(torch.from_numpy(mask)[spread])
    copied = replace(
        case.structure,
        probability=case.structure.probability[spread],
        maps={name: values[spread] for name, values in case.structure.maps.items()},
        planes=planes,
        judged=case.structure.judged[spread],
        labels=case.structure.labels[spread],
        weights=torch.ones(len(spread), dtype=torch.float64),
    )
    full = FeatureSchema("full")
    assert full.measure(once) == pytest.approx(full.measure(copied), rel=1e-6, abs=1e-12)


@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")
def test_features_on_a_cuda_device_are_those_of_the_processor(draw):
    case = draw(2, (17, 16, 18), image=np.random.default_rng(0).normal(size=(1, 17, 16, 18)))
    structure, planes = case.structure, type(case.structure.planes)()
    for mask in case.masks:
        planes.add(torch.from_numpy(mask).cuda())
    twin = replace(
        structure,
        probability=structure.probability.cuda(),
        maps={name: values.cuda() for name, values in structure.maps.items()},
        planes=planes,
        judged=structure.judged.cuda(),
        labels=structure.labels.cuda(),
    )
    full = FeatureSchema("full")
    first = full.measure(twin)
    assert first == full.measure(twin)
    assert first == pytest.approx(full.measure(structure), rel=1e-6, abs=1e-12)


@pytest.mark.parametrize("order", [(1, 0, 2), (2, 0, 1)])
def test_order_of_the_axes_does_not_matter(draw, order):
    case = draw(2, (7, 6, 8), image=np.random.default_rng(0).normal(size=(1, 7, 6, 8)))
    structure = case.structure

    def turned(values: torch.Tensor) -> torch.Tensor:
        return values.reshape(7, 6, 8).permute(order).reshape(-1)

    planes = type(structure.planes)()
    for mask in case.masks:
        planes.add(turned(torch.from_numpy(mask)))
    twin = replace(
        structure,
        probability=turned(structure.probability),
        maps={name: turned(values) for name, values in structure.maps.items()},
        planes=planes,
        judged=structure.judged.permute(order),
        labels=structure.labels.permute(order),
        spacing_mm=tuple(structure.spacing_mm[axis] for axis in order),
        image=structure.image.transpose(0, *(axis + 1 for axis in order)),
    )
    full = FeatureSchema("full")
    assert full.measure(twin) == pytest.approx(full.measure(structure), rel=1e-6, abs=1e-9)


def test_empty_mask_looks_certain_nowhere(draw):
    features = FeatureSchema("full").measure(draw(0, (9, 8), "empty").structure)
    over_the_case = ("_all_", "_exterior_")
    for name in ("predictive_entropy", "mutual_information"):
        for feature in (name, f"{name}_interior_mean", f"{name}_boundary_q90", f"{name}_slice_max"):
            assert features[feature] == log(3)
        assert all(
            features[f"{name}{place}mean"] < log(3) for place in over_the_case
        )  # of the case itself
    assert features["volume_ml"] == features["soft_dice_confidence"] == 0.0
    assert features["probability_outside"] == features["uncertain_blob_share"] == 1.0
    assert features["uncertain_mass"] == features["uncertain_volume_fraction"] == 1.0


def test_impossible_structure_is_not_confident_either():
    accumulator = UncertaintyAccumulator({"a": 1}, schema=FeatureSchema("full"))
    for _ in range(2):
        accumulator.update(np.stack([np.ones((4, 5)), np.zeros((4, 5))]))
    features = accumulator.features()["a"]
    assert features["volume_ml"] == features["soft_dice_confidence"] == 0.0
    assert features["vote_soft_dice"] == features["mean_probability"] == 0.0
    assert features["uncertain_mass"] == features["uncertain_volume_fraction"] == 1.0
    # Agreement is a Dice of masks, of which two empty ones agree.
    assert features["pairwise_dice"] == features["majority_dice"] == 1.0


def test_elements_have_the_names_that_need_no_grid(draw):
    weights = np.ones(14)
    for name in ("standard", "full", "aggregate"):
        schema = FeatureSchema(name)
        assert tuple(schema.measure(draw(0, (14,), weights=weights).structure)) == (
            schema.element_names
        )


def test_regions_are_part_of_names_version_and_features(draw):
    schema = FeatureSchema("standard", regions={"apex": 1, "base": 2})
    region_map = np.random.default_rng(0).integers(0, 3, (9, 8))
    features = schema.measure(draw(0, (9, 8), region_map=region_map).structure)
    assert schema.version == "standard-1+regions(apex=1,base=2)"
    assert tuple(features) == schema.names
    assert "predictive_entropy_in_base" in features
    turned = FeatureSchema("standard", regions={"base": 2, "apex": 1})
    assert turned.version == schema.version
    assert turned.names == schema.names


def test_own_features_are_prefixed_and_named_in_the_version(draw):
    schema = FeatureSchema("full", own=votes)
    features = schema.measure(draw(0, (9, 8), samples=3).structure)
    assert features["own_samples"] == 3.0
    assert type(features["own_judged"]) is float
    assert schema.version == f"full-1+own:{votes.__module__}.votes"


@pytest.mark.parametrize("value", [float("nan"), float("inf"), "much", None, [1.0, 2.0]])
def test_own_feature_that_is_no_finite_number_is_refused_by_name(draw, value):
    def rough(structure: JudgedStructure) -> dict:
        return {"roughness": value}

    with pytest.raises(InputError, match="a finite number for the own feature 'roughness'"):
        FeatureSchema(own=rough).measure(draw(0, (9, 8)).structure)


@pytest.mark.parametrize("found", [None, 1.0, ["roughness"], [("roughness", 1.0)]])
def test_own_function_that_returns_no_mapping_is_refused(draw, found):
    def rough(structure: JudgedStructure) -> object:
        return found

    with pytest.raises(InputError, match="a mapping of names to numbers"):
        FeatureSchema(own=rough).measure(draw(0, (9, 8)).structure)


@pytest.mark.parametrize(
    "own", [lambda structure: {}, partial(votes)], ids=["a lambda", "a partial"]
)
def test_own_function_without_a_name_is_refused(own):
    with pytest.raises(InputError, match="give a named function"):
        FeatureSchema(own=own)


def test_partial_with_the_name_of_its_function_is_named():
    own = update_wrapper(partial(votes), votes)
    assert FeatureSchema(own=own).version == f"standard-1+own:{votes.__module__}.votes"


def test_unknown_schema_is_refused():
    with pytest.raises(InputError, match="a feature schema named aggregate, standard, full"):
        FeatureSchema("everything")
