from dataclasses import replace
from math import prod

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import ndimage

from segqc_conformal.measures.margin import margin


def with_probability(structure, p: np.ndarray):
    return replace(structure, probability=torch.from_numpy(p.astype(np.float32)).reshape(-1))


def brute_force(p: np.ndarray, spacing: tuple[float, ...]) -> dict[str, float]:
    # a probability that is 0.05 or 0.95 but for rounding counts as such
    possible, certain = p > 0.05 + 1e-6, p >= 0.95 - 1e-6
    core = certain if certain.any() else p == p.max()
    padded = np.pad(possible, 1)
    widths = []
    for at in np.argwhere(possible):
        steps = [(axis, way) for axis in range(p.ndim) for way in (-1, 1)]
        neighbours = [at + 1 + way * np.eye(p.ndim, dtype=int)[axis] for axis, way in steps]
        if not all(padded[tuple(neighbour)] for neighbour in neighbours):
            apart = (np.argwhere(core) - at) * np.array(spacing)
            widths.append(np.sqrt(np.square(apart).sum(1)).min())
    ml = prod(spacing) / 1000
    return {
        "uncertainty_margin_max_mm": max(widths),
        "uncertainty_margin_mean_mm": np.mean(widths),
        "uncertainty_margin_share": 1 - certain.sum() / possible.sum(),
        "uncertainty_margin_high_ml": possible.sum() * ml,
        "uncertainty_margin_low_ml": certain.sum() * ml,
    }


@settings(max_examples=60, deadline=None)
@given(
    shape=st.sampled_from([(20,), (11, 9), (7, 6, 8), (6, 1, 7)]),
    seed=st.integers(0, 10**6),
    peak=st.sampled_from([0.5, 1.0, 1.5, 4.0]),
)
def test_margin_equals_brute_force(draw, shape, seed, peak):
    case = draw(seed, shape)
    smooth = ndimage.gaussian_filter(np.random.default_rng(seed).normal(size=shape), 1.0)
    p = np.clip(peak * smooth / smooth.max(), 0.0, 1.0).astype(np.float32)
    result = margin(with_probability(case.structure, p))
    expected = brute_force(p.astype(np.float64), case.spacing)
    assert result.keys() == expected.keys()
    for name, value in expected.items():
        assert result[name] == pytest.approx(value, rel=1e-6, abs=1e-12), name


def test_sharp_probability_has_no_margin(draw):
    case = draw(0, (9, 8), "corner")
    result = margin(with_probability(case.structure, case.judged))
    assert result["uncertainty_margin_max_mm"] == result["uncertainty_margin_share"] == 0.0
    assert result["uncertainty_margin_low_ml"] == result["uncertainty_margin_high_ml"] > 0.0


def test_ramp_has_its_width(draw):
    case = draw(0, (13,))  # spacing 1 mm
    p = np.array([0, 0, 0.2, 0.4, 0.6, 0.8, 1, 1, 1, 0.5, 0, 0, 0])
    result = margin(with_probability(case.structure, p))
    assert (result["uncertainty_margin_mean_mm"], result["uncertainty_margin_max_mm"]) == (2.5, 4.0)


def test_where_nothing_is_certain_the_peak_stands_for_it(draw):
    case = draw(0, (7,))
    p = np.array([0, 0.2, 0.4, 0.6, 0.4, 0, 0])
    result = margin(with_probability(case.structure, p))
    assert result["uncertainty_margin_share"] == 1.0
    assert (result["uncertainty_margin_low_ml"], result["uncertainty_margin_max_mm"]) == (0.0, 2.0)


def test_where_nothing_is_possible_all_is_uncertain(draw):
    result = margin(with_probability(draw(0, (5, 5)).structure, np.zeros((5, 5))))
    assert result.pop("uncertainty_margin_share") == 1.0
    assert set(result.values()) == {0.0}


def test_one_vote_in_twenty_is_on_the_same_side_however_it_is_rounded(draw):
    case = draw(0, (4,))
    for low in (np.float32(0.05), np.nextafter(np.float32(0.05), np.float32(1))):
        p = np.array([low, np.float32(1) - low, 1, 0])
        result = margin(with_probability(case.structure, p))
        assert result["uncertainty_margin_high_ml"] == result["uncertainty_margin_low_ml"] == 0.002


@pytest.mark.parametrize("shape", [(10,), (9, 8), (7, 6, 8)])
def test_certain_background_around_the_case_changes_nothing(draw, shape):
    plain, padded = (margin(draw(3, shape, pad=by).structure) for by in (0, 5))
    assert plain == pytest.approx(padded, rel=1e-12)
