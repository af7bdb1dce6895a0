from math import log

import numpy as np
import pytest

from segqc_conformal.measures import map_means
from segqc_conformal.uncertainty.dirichlet import DIRICHLET_MAPS
from segqc_conformal.uncertainty.maps import MAPS


@pytest.mark.parametrize("kind", ["noise", "full", "one voxel"])
@pytest.mark.parametrize("weighted", [False, True])
def test_means_of_all_other_maps_equal_brute_force(draw, kind, weighted):
    weights = np.random.default_rng(1).uniform(0.1, 3.0, 40) if weighted else None
    case = draw(2, (40,), kind, weights=weights)
    result = map_means.map_means(case.structure)
    assert set(result) == {"epkl_mean", "confidence_mean"}
    held = None if weights is None else weights[case.judged]
    for name in ("epkl", "confidence"):
        expected = np.average(case.maps[name][case.judged], weights=held)
        assert result[f"{name}_mean"] == pytest.approx(expected, rel=1e-6)


def test_means_of_an_empty_mask_are_the_most_uncertain_values(draw):
    result = map_means.map_means(draw(0, (5, 5), "empty").structure)
    assert result == {"epkl_mean": pytest.approx(23 * log(2)), "confidence_mean": 1 / 3}


@pytest.mark.parametrize("classes", [2, 3, 14])
def test_most_uncertain_values_are_those_of_samples_certain_of_each_class_in_turn(classes):
    p = np.eye(classes)
    deviations = p.std(axis=0)
    for name, value in {
        "variance": p.var(axis=0).mean(),
        "standard_deviation": deviations.mean(),
        "b_map": min(1.0, (2 * deviations).mean()),
        "confidence": p.mean(0).max(),
        "variation_ratio": 1 - 1 / classes,
        "mutual_information_corrected": log(classes),
    }.items():
        assert map_means.most_uncertain(name, classes) == pytest.approx(value, rel=1e-12), name


def test_every_map_has_a_feature_of_its_own_in_the_full_schema():
    names = {map_means.mean_name(name) for name in {**MAPS, **DIRICHLET_MAPS}}
    assert len(names) == len({**MAPS, **DIRICHLET_MAPS})
