from math import log

import numpy as np
import pytest

from segqc_conformal.errors import InputError
from segqc_conformal.measures.caller_regions import caller_meanings, caller_regions

REGIONS = {"apex": 1, "base": 2, "absent": 7}
MAPS = ("predictive_entropy", "mutual_information")


@pytest.mark.parametrize("kind", ["blob", "full", "one voxel"])
@pytest.mark.parametrize("weighted", [False, True])
def test_means_and_shares_equal_brute_force(draw, kind, weighted):
    rng = np.random.default_rng(0)
    shape = (60,) if weighted else (9, 8)
    weights = rng.uniform(0.1, 3.0, shape) if weighted else None
    region_map = rng.integers(0, 3, shape)
    case = draw(0, shape, kind, weights=weights, region_map=region_map)
    result = caller_regions(case.structure, REGIONS, MAPS)
    assert result.keys() == caller_meanings(REGIONS, MAPS).keys()
    w = np.ones(shape) if weights is None else weights
    for region, label in REGIONS.items():
        here = case.judged & (region_map == label)
        share = w[here].sum() / w[case.judged].sum()
        assert result[f"share_in_{region}"] == pytest.approx(share, rel=1e-12)
        chosen = here if here.any() else case.judged
        for name in MAPS:
            expected = np.average(case.maps[name][chosen], weights=w[chosen])
            assert result[f"{name}_in_{region}"] == pytest.approx(expected, rel=1e-6)


def test_empty_mask_has_share_zero_and_the_most_uncertain_mean(draw):
    case = draw(0, (9, 8), "empty", region_map=np.ones((9, 8), dtype=np.int64))
    result = caller_regions(case.structure, {"apex": 1}, MAPS)
    assert result == {
        "share_in_apex": 0.0,
        "predictive_entropy_in_apex": log(3),
        "mutual_information_in_apex": log(3),
    }


def test_without_maps_the_shares_alone_are_given(draw):
    case = draw(0, (9, 8), region_map=np.ones((9, 8), dtype=np.int64))
    assert caller_regions(case.structure, {"apex": 1}, ()) == {"share_in_apex": 1.0}


def test_missing_region_map_is_refused(draw):
    with pytest.raises(InputError, match=r"a region map with the regions \{'apex': 1\}"):
        caller_regions(draw(0, (9, 8)).structure, {"apex": 1}, MAPS)
