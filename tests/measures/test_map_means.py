from math import log

import numpy as np
import pytest
import torch

from segqc_conformal.measures import map_means
from segqc_conformal.measures.entropies import MEANINGS as ENTROPIES
from segqc_conformal.measures.groups import SCHEMAS
from segqc_conformal.measures.schema import FeatureSchema
from segqc_conformal.uncertainty.accumulator import UncertaintyAccumulator
from segqc_conformal.uncertainty.dirichlet import DIRICHLET_MAPS
from segqc_conformal.uncertainty.maps import MAPS

FULL = FeatureSchema("full")
ALL = {"a": 1, "b": 2, "c": 3}


@pytest.mark.parametrize("kind", ["noise", "full", "one voxel"])
@pytest.mark.parametrize("weighted", [False, True])
def test_means_of_all_other_maps_equal_brute_force(draw, kind, weighted):
    weights = np.random.default_rng(1).uniform(0.1, 3.0, 40) if weighted else None
    case = draw(2, (40,), kind, weights=weights)
    result = map_means.map_means(case.structure)
    assert result.keys() == map_means.MEANINGS.keys()
    held = None if weights is None else weights[case.judged]
    for name in map_means.MAP_NAMES:
        expected = np.average(case.maps[name][case.judged], weights=held)
        assert result[f"{name}_judged_mean"] == pytest.approx(expected, rel=1e-6)


def test_means_of_an_empty_mask_are_the_most_uncertain_values(draw):
    result = map_means.map_means(draw(0, (5, 5), "empty").structure)
    assert result["epkl_judged_mean"] == pytest.approx(23 * log(2))
    assert result["confidence_judged_mean"] == 1 / 3
    assert result["margin_judged_mean"] == 0.0


@pytest.mark.parametrize("classes", [2, 3, 14])
def test_most_uncertain_values_are_those_of_samples_certain_of_each_class_in_turn(classes):
    p = np.eye(classes)
    deviations = p.std(axis=0)
    for name, value in {
        "variance": p.var(axis=0).mean(),
        "standard_deviation": deviations.mean(),
        "b_map": min(1.0, (2 * deviations).mean()),
        "confidence": p.mean(0).max(),
        "mutual_information_corrected": log(classes),
    }.items():
        assert map_means.most_uncertain(name, classes) == pytest.approx(value, rel=1e-12), name


def test_maps_of_the_full_schema_are_those_its_buffers_always_allow():
    allowed = {name for name, rule in MAPS.items() if rule.needs <= SCHEMAS["full"].needs}
    assert set(map_means.MAP_NAMES) == allowed - {"mean_probability", *ENTROPIES}
    assert set(DIRICHLET_MAPS) - set(MAPS) == {"vacuity"}


def names(
    channels: str, structures: dict[str, int], maps: object = (), samples: int = 2
) -> set[str]:
    rng = np.random.default_rng(0)
    accumulator = UncertaintyAccumulator(structures, channels=channels, schema=FULL, maps=maps)
    for _ in range(samples):
        sample = rng.random((4, 6, 7)).astype(np.float32)
        accumulator.update(sample / sample.sum(0) if channels == "exclusive" else sample)
    found = accumulator.features()
    assert len({tuple(features) for features in found.values()}) == 1
    return set(next(iter(found.values())))


@pytest.mark.parametrize("structures", [{"a": 1}, {"c": 3, "a": 1}, ALL])
@pytest.mark.parametrize("maps", [(), "all"])
@pytest.mark.parametrize("channels", ["exclusive", "overlapping"])
def test_names_depend_neither_on_the_structures_nor_on_the_maps(channels, structures, maps):
    assert names(channels, structures, maps) == set(FULL.names)


@pytest.mark.parametrize("structures", [{"a": 1}, ALL])
@pytest.mark.parametrize("maps", [(), "all"])
def test_evidence_adds_its_vacuity_alone(structures, maps):
    found = names("evidence", structures, maps, samples=1)
    assert found == {*FULL.names, *map_means.EVIDENCE_MEANINGS}


@pytest.mark.parametrize("channels", ["exclusive", "overlapping"])
def test_one_channel_has_the_same_names(channels):
    accumulator = UncertaintyAccumulator({"a": 1}, channels=channels, schema=FULL)
    accumulator.update(torch.tensor([[0.9, 0.6, 0.1]]))
    assert tuple(accumulator.features()["a"]) == FULL.names
